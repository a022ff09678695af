"""Commands for a running server: its sessions, and what flows through one of them."""

from .control import publish_file, set_state
from .explaining import explain_session
from .recording import record_session
from .sessions import kill_session, list_sessions, resolved, session_value
from .tapping import tap_node

__all__ = [
    "explain_session",
    "kill_session",
    "list_sessions",
    "publish_file",
    "record_session",
    "resolved",
    "session_value",
    "set_state",
    "tap_node",
]
