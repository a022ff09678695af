"""Child processes: the forkserver that makes them, and what runs inside."""

from .batched_hosts import BatchedHosts, HostLimits
from .breakpoints import debug_environment, set_breakpoint_hook
from .control_messages import (
    BarrierReached,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    ExportedState,
    Hops,
    InterceptQuestion,
    OutputsWaiting,
    TappedItem,
)
from .forkserver import (
    Forkserver,
    forkserver_command,
    forkserver_environment,
    open_template,
)
from .forkserver_keeper import ForkserverKeeper, open_forkserver_keeper
from .hosted_process import HostedProcess, RunningNode
from .interpreter import Interpreters
from .kernel import exit_hint, out_of_memory_kills
from .log_records import NodeRecord, bounded
from .memory_limit import is_exhaustion
from .message_socket import MalformedMessageError, MessageSocket
from .messages import (
    CONTROL_LINK,
    PULSE_LINK,
    Done,
    Failure,
    FromNode,
    HostSpec,
    Logged,
    NodeSpec,
    OutgoingLink,
    ProgressReport,
    Ready,
    SocketLinks,
    Spans,
    StatisticsReport,
    StatisticsRequest,
)
from .node_process import Exit, NodeProcess
from .server_end import ServerEnd
from .server_time import InServerTime
from .supervisor import die_with_parent
from .tap_memory import TAP_MEMORY_BYTES
from .template_main import TemplateSpec
from .templates import Templates, may_have_template
from .watchdog import Watchdog

__all__ = [
    "BatchedHosts",
    "HostLimits",
    "HostSpec",
    "HostedProcess",
    "RunningNode",
    "open_template",
    "CONTROL_LINK",
    "PULSE_LINK",
    "TAP_MEMORY_BYTES",
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
    "ExportedState",
    "Failure",
    "Forkserver",
    "ForkserverKeeper",
    "Hops",
    "FromNode",
    "MalformedMessageError",
    "MessageSocket",
    "InServerTime",
    "Interpreters",
    "Logged",
    "OutgoingLink",
    "SocketLinks",
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
    "bounded",
    "is_exhaustion",
]
