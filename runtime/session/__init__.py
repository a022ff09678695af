"""Sessions."""

from .input_checker import SessionBounds
from .instance import SweepReport
from .runtime import Runtime, open_runtime, open_session
from .session import Session, run_session
from .state import SessionState

__all__ = [
    "Runtime",
    "Session",
    "SessionBounds",
    "SessionState",
    "SweepReport",
    "open_runtime",
    "open_session",
    "run_session",
]
