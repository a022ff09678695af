"""Child processes: the forkserver that makes them, and what runs inside."""

from .breakpoints import debug_environment, set_breakpoint_hook
from .forkserver import Forkserver, forkserver_command, forkserver_environment, open_forkserver
from .interpreter import Interpreters
from .kernel import hint_at, out_of_memory_kills
from .memory_limit import tells_exhaustion
from .messages import (
    Done,
    Failure,
    FromNode,
    NodeSpec,
    ProgressReport,
    Ready,
    Snapshot,
    SnapshotRequest,
)
from .node_process import Exit, GarbledError, NodeProcess

__all__ = [
    "Done",
    "Exit",
    "Failure",
    "Forkserver",
    "FromNode",
    "GarbledError",
    "Interpreters",
    "NodeProcess",
    "NodeSpec",
    "ProgressReport",
    "Ready",
    "Snapshot",
    "SnapshotRequest",
    "debug_environment",
    "forkserver_command",
    "forkserver_environment",
    "hint_at",
    "open_forkserver",
    "out_of_memory_kills",
    "set_breakpoint_hook",
    "tells_exhaustion",
]
