"""Child processes: the forkserver that makes them, and what runs inside."""

from .breakpoints import debug_environment, set_breakpoint_hook
from .control_messages import (
    BarrierReached,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    Hops,
    InterceptQuestion,
    OutputsWaiting,
    TappedItem,
)
from .forkserver import Forkserver, forkserver_command, forkserver_environment
from .forkserver_keeper import ForkserverKeeper, open_forkserver_keeper
from .interpreter import Interpreters
from .kernel import exit_hint, out_of_memory_kills
from .log_records import NodeRecord
from .memory_limit import is_exhaustion
from .messages import (
    Done,
    Failure,
    FromNode,
    NodeSpec,
    ProgressReport,
    Ready,
    Spans,
    StatisticsReport,
    StatisticsRequest,
)
from .node_process import Exit, MalformedMessageError, NodeProcess
from .server_end import ServerEnd
from .supervisor import die_with_parent
from .template_main import TemplateSpec
from .templates import Templates, may_have_template
from .watchdog import Watchdog

__all__ = [
    "die_with_parent",
    "TemplateSpec",
    "Templates",
    "may_have_template",
    "Watchdog",
    "BarrierReached",
    "ControlApplied",
    "ControlFromNode",
    "ControlToNode",
    "InterceptQuestion",
    "ServerEnd",
    "TappedItem",
    "Done",
    "Exit",
    "Failure",
    "Forkserver",
    "ForkserverKeeper",
    "Hops",
    "FromNode",
    "MalformedMessageError",
    "Interpreters",
    "NodeProcess",
    "NodeRecord",
    "NodeSpec",
    "OutputsWaiting",
    "ProgressReport",
    "Ready",
    "Spans",
    "StatisticsReport",
    "StatisticsRequest",
    "debug_environment",
    "forkserver_command",
    "forkserver_environment",
    "exit_hint",
    "open_forkserver_keeper",
    "out_of_memory_kills",
    "set_breakpoint_hook",
    "is_exhaustion",
]
