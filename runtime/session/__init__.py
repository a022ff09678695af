"""Sessions."""

from ..execution import NodeState
from .control_bus import DEFAULT_DEADLINE_SECONDS, ControlBus
from .ending import EndReason
from .input_checker import SessionBounds
from .instance import SweepReport
from .recent_endings import EndedSession, NumberedEnding, RecentEndings
from .runtime import Runtime, open_runtime, open_session
from .session import Session
from .state import SessionState
from .taps import TappedOutput, TapQueue, TapReceiver

__all__ = [
    "NodeState",
    "DEFAULT_DEADLINE_SECONDS",
    "TapReceiver",
    "ControlBus",
    "EndReason",
    "EndedSession",
    "NumberedEnding",
    "RecentEndings",
    "TapQueue",
    "TappedOutput",
    "Runtime",
    "Session",
    "SessionBounds",
    "SessionState",
    "SweepReport",
    "open_runtime",
    "open_session",
]
