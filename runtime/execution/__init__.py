"""How one actor runs, in the server and in a node process: its loop, its hooks, its statistics."""

from .actor_loop import EXIT_REPORT_SECONDS, ActorLoop
from .asyncio_hooks import AsyncioHooks, open_hook_loop, tasks_on
from .call_clock import DEFAULT_TIMEOUT_SECONDS, idle_seconds, running_seconds, wait_overdue
from .emission import Announce
from .fork_guard import ForkGuard, describe_fork
from .freed_memory import FreedMemory
from .held_loop import HeldLoopGuard, HookInterrupted, open_held_loop_guard
from .hook_calls import END, anext_or_end
from .hop_observer import HopObserver, RecordHops
from .interrupts import is_from_signal, nodes_interrupted_by_themselves
from .node_control import (
    InspectedOutput,
    Intercept,
    NodeControl,
    NodeState,
    OnMissed,
    ReportState,
    Tap,
    ignore_missed,
)
from .node_tracer import tracer_of
from .shared_resources import SharedHold, SharedResources, open_shared_resources
from .statistics import Histogram, NodeStatistics
from .traced_loop import actor_loop_of, load_recorded

__all__ = [
    "DEFAULT_TIMEOUT_SECONDS",
    "END",
    "EXIT_REPORT_SECONDS",
    "ActorLoop",
    "Announce",
    "AsyncioHooks",
    "ForkGuard",
    "FreedMemory",
    "Histogram",
    "HopObserver",
    "describe_fork",
    "is_from_signal",
    "nodes_interrupted_by_themselves",
    "HeldLoopGuard",
    "HookInterrupted",
    "InspectedOutput",
    "Intercept",
    "NodeControl",
    "NodeState",
    "NodeStatistics",
    "OnMissed",
    "SharedHold",
    "SharedResources",
    "RecordHops",
    "ReportState",
    "Tap",
    "ignore_missed",
    "actor_loop_of",
    "anext_or_end",
    "idle_seconds",
    "load_recorded",
    "open_held_loop_guard",
    "open_hook_loop",
    "open_shared_resources",
    "running_seconds",
    "tasks_on",
    "tracer_of",
    "wait_overdue",
]
