"""Sessions."""

from ..events import InitProgress, Result
from .intake import SessionBounds
from .session import Session, run_session
from .state import SessionState

__all__ = ["InitProgress", "Result", "Session", "SessionBounds", "SessionState", "run_session"]
