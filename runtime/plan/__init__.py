"""Plans: which node runs where, with which settings, and why."""

from ..config import Source
from .cluster_request import (
    ARCH_LABEL,
    GPU_LABEL,
    ClusterRequest,
    amount_text,
    cluster_request,
)
from .effective_settings import (
    EffectiveSettings,
    Setting,
    effective_settings,
    refused_settings,
)
from .executor_registry import (
    ALWAYS_ENABLED,
    BUILT_IN_EXECUTORS,
    EXECUTOR_GROUP,
    MULTIPROCESS,
    NATIVE,
    RAY,
    REMOTE,
    SHARED,
    DisabledExecutor,
    ExecutorDeclaration,
    ExecutorRegistry,
    InstalledExecutor,
    Place,
    declaration_of,
    enabled_executors,
    installed_executors,
    known_executors,
    settings_of,
)
from .grants import MODEL_FORMAT, TOOL_FORMAT, GrantNames, Grants, read_grants
from .machine import FindMachine, Gpu, Machine, find_machine
from .named_types import faults_of_named
from .path_params import PATH_FORMAT, check_client_places
from .plan import NodePlan, Plan
from .planner import make_plan, plan_manifest
from .remote_nodes import RemotePart
from .routing import Router, RoutingError, check_executors
from .setting_list import SettingEntry, setting_entries

__all__ = [
    "ARCH_LABEL",
    "GPU_LABEL",
    "ClusterRequest",
    "amount_text",
    "cluster_request",
    "FindMachine",
    "GrantNames",
    "Grants",
    "MODEL_FORMAT",
    "TOOL_FORMAT",
    "read_grants",
    "Gpu",
    "Machine",
    "faults_of_named",
    "find_machine",
    "ALWAYS_ENABLED",
    "BUILT_IN_EXECUTORS",
    "MULTIPROCESS",
    "NATIVE",
    "REMOTE",
    "RemotePart",
    "SHARED",
    "RAY",
    "ExecutorDeclaration",
    "ExecutorRegistry",
    "InstalledExecutor",
    "DisabledExecutor",
    "enabled_executors",
    "installed_executors",
    "known_executors",
    "settings_of",
    "EXECUTOR_GROUP",
    "EffectiveSettings",
    "NodePlan",
    "PATH_FORMAT",
    "Place",
    "Plan",
    "Router",
    "RoutingError",
    "Setting",
    "SettingEntry",
    "Source",
    "check_client_places",
    "check_executors",
    "declaration_of",
    "effective_settings",
    "make_plan",
    "plan_manifest",
    "refused_settings",
    "setting_entries",
]
