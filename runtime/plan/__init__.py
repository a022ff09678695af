"""Plans: which node runs where, with which settings, and why."""

from .effective_settings import Effective, Setting, Source, effective_settings, refused_settings
from .plan import NodePlan, Plan, plan_manifest
from .routing import EXECUTOR_GROUP, Router, RoutingError, check_executors, executor_names
from .setting_list import Listed, listed_settings

__all__ = [
    "EXECUTOR_GROUP",
    "Effective",
    "Listed",
    "NodePlan",
    "Plan",
    "Router",
    "RoutingError",
    "Setting",
    "Source",
    "check_executors",
    "effective_settings",
    "executor_names",
    "listed_settings",
    "plan_manifest",
    "refused_settings",
]
