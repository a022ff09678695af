"""Plans: which node runs where, with which settings, and why."""

from ..config import Source
from .effective_settings import (
    EffectiveSettings,
    Setting,
    effective_settings,
    refused_settings,
)
from .plan import NodePlan, Plan, make_plan, plan_manifest
from .routing import EXECUTOR_GROUP, Router, RoutingError, check_executors, executor_names
from .setting_list import SettingEntry, setting_entries

__all__ = [
    "EXECUTOR_GROUP",
    "EffectiveSettings",
    "NodePlan",
    "Plan",
    "Router",
    "RoutingError",
    "Setting",
    "SettingEntry",
    "Source",
    "check_executors",
    "effective_settings",
    "executor_names",
    "make_plan",
    "plan_manifest",
    "refused_settings",
    "setting_entries",
]
