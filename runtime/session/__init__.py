"""Sessions."""

from ..execution import NodeState
from .capacity import Capacity
from .control_bus import DEFAULT_DEADLINE_SECONDS, ControlBus
from .control_groups import ControlGroups, lines_of, number_in
from .ending import EndReason
from .input_checker import SessionBounds
from .instance import Leftovers, SweepReport, find_leftovers
from .recent_endings import EndedSession, NumberedEnding, RecentEndings
from .runtime import NodeTypes, Runtime, open_runtime, open_session
from .session import Session
from .session_latency import SessionLatency
from .state import SessionState
from .taps import TappedOutput, TapQueue, TapReceiver

__all__ = [
    "NodeState",
    "NodeTypes",
    "DEFAULT_DEADLINE_SECONDS",
    "TapReceiver",
    "Capacity",
    "ControlBus",
    "EndReason",
    "ControlGroups",
    "Leftovers",
    "EndedSession",
    "NumberedEnding",
    "RecentEndings",
    "TapQueue",
    "TappedOutput",
    "Runtime",
    "Session",
    "SessionBounds",
    "SessionLatency",
    "SessionState",
    "SweepReport",
    "find_leftovers",
    "lines_of",
    "number_in",
    "open_runtime",
    "open_session",
]
