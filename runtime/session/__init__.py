"""Sessions."""

from ..execution import NodeState
from .capacity import Capacity, Reservation
from .control_bus import DEFAULT_DEADLINE_SECONDS, ControlBus
from .control_groups import ControlGroups, lines_of, number_in
from .demand import Demand
from .ending import EndReason
from .input_checker import SessionBounds
from .instance import Leftovers, SweepReport, find_leftovers, sweep_leftovers
from .recent_endings import EndedSession, NumberedEnding, RecentEndings, SessionFacts
from .runtime import NodeTypes, Runtime, open_runtime, open_session
from .session import Session
from .session_latency import SessionLatency
from .shares import Shares, worker_of
from .state import SessionState
from .system_resources import SystemResources
from .taps import TappedOutput, TapQueue, TapReceiver

__all__ = [
    "NodeState",
    "NodeTypes",
    "DEFAULT_DEADLINE_SECONDS",
    "TapReceiver",
    "Capacity",
    "ControlBus",
    "Demand",
    "EndReason",
    "ControlGroups",
    "Leftovers",
    "EndedSession",
    "NumberedEnding",
    "RecentEndings",
    "SessionFacts",
    "Reservation",
    "TapQueue",
    "TappedOutput",
    "Runtime",
    "Session",
    "SessionBounds",
    "SessionLatency",
    "SessionState",
    "Shares",
    "SweepReport",
    "SystemResources",
    "find_leftovers",
    "lines_of",
    "number_in",
    "open_runtime",
    "open_session",
    "sweep_leftovers",
    "worker_of",
]
