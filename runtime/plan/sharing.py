"""Which nodes are in batched hosts, with those of other sessions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..catalogue import NodeType
from ..config import RuntimeConfig
from ..manifest import NodeManifest
from .effective_settings import EffectiveSettings
from .executor_registry import MULTIPROCESS, ExecutorRegistry
from .grants import GrantNames
from .node_checks import NodeChecker
from .routing import Assignment, Router


def router_of(config: RuntimeConfig, executors: ExecutorRegistry) -> Router:
    """Return the router with the operator's rules."""
    shared = config.executors.shared
    return Router(
        config.routing, executors=executors, shared_types=shared.types if shared.enabled else ()
    )


def need_of_own_process(
    checker: NodeChecker,
    node: NodeManifest,
    node_type: NodeType,
    params: Mapping[str, Any],
    settings: EffectiveSettings,
) -> str:
    """Return why a node cannot be in a batched host; empty if it can."""
    if not checker.is_batched(node_type):
        return f"{node_type.name} defines no process_batch()"
    if settings.setting("python_executable").value is not None:
        return "the session has another interpreter (python_executable)"
    if node.capabilities is not None and node.capabilities.gpu is not None:
        return "it asks for a GPU of its own"
    if checker.grants(node_type, params) != GrantNames():
        return "its params name endpoints or tools"
    return ""


def shared_or_own(assignment: Assignment, reason: str, sessions_per_host: int) -> Assignment:
    """Return an assignment to a batched host, or to a process of its own, with the reason."""
    if reason:
        text = f"{assignment.reason}; a process of its own, since {reason}"
        return replace(assignment, executor=MULTIPROCESS, reason=text)
    text = f"{assignment.reason}; one process serves up to {sessions_per_host} sessions"
    return replace(assignment, reason=text)
