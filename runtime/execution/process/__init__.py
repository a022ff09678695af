"""Child processes: the forkserver that makes them, and what runs inside."""

from .breakpoints import debug_environment, set_breakpoint_hook
from .forkserver import Forkserver, forkserver_command, forkserver_environment, open_forkserver
from .interpreter import Interpreters
from .kernel import hint_at, out_of_memory_kills
from .memory_limit import tells_exhaustion
from .messages import Ask, Done, Failed, FromNode, NodeSpec, ProgressReport, Ready, Snapshot
from .node_process import Exit, GarbledError, NodeProcess

__all__ = [
    "Ask",
    "Done",
    "Exit",
    "Failed",
    "Forkserver",
    "FromNode",
    "GarbledError",
    "Interpreters",
    "NodeProcess",
    "NodeSpec",
    "ProgressReport",
    "Ready",
    "Snapshot",
    "debug_environment",
    "forkserver_command",
    "forkserver_environment",
    "hint_at",
    "open_forkserver",
    "out_of_memory_kills",
    "set_breakpoint_hook",
    "tells_exhaustion",
]
