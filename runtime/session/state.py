"""The states of a session."""

from enum import Enum


class SessionState(Enum):
    """Where a session is in its life. It only ever moves down this list, or to ERROR."""

    INITIALIZING = "initializing"
    READY = "ready"
    EXECUTING = "executing"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    ERROR = "error"
