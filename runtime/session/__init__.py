"""Sessions."""

from .control_bus import ControlBus, TappedOutput, TapQueue
from .input_checker import SessionBounds
from .instance import SweepReport
from .runtime import Runtime, open_runtime, open_session
from .session import Session
from .state import SessionState

__all__ = [
    "ControlBus",
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
