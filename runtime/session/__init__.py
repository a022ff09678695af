"""Sessions."""

from .host import Runtime, open_runtime, open_session
from .instance import Swept
from .intake import SessionBounds
from .session import Session, run_session
from .state import SessionState

__all__ = [
    "Runtime",
    "Session",
    "SessionBounds",
    "SessionState",
    "Swept",
    "open_runtime",
    "open_session",
    "run_session",
]
