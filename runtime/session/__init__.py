"""Sessions."""

from .events import InitProgress, Result
from .session import Session, run_session
from .state import SessionState

__all__ = ["InitProgress", "Result", "Session", "SessionState", "run_session"]
