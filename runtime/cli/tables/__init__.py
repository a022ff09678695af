"""Tables of what commands show: plans, settings, profiles and node types."""

from .entries import NodeTypeEntry, node_type_entry
from .findings import print_findings
from .layout import Column, print_rows
from .node_types import print_node_type, print_node_types
from .plan import print_moving, print_plan, print_rooms
from .profile import print_profile
from .recording import print_chunk, print_recording, print_replay, recording_value
from .sessions import print_sessions
from .settings import print_session_settings, print_settings
from .words import kinds_text

__all__ = [
    "Column",
    "NodeTypeEntry",
    "kinds_text",
    "node_type_entry",
    "print_node_type",
    "print_node_types",
    "print_moving",
    "print_plan",
    "print_rooms",
    "print_profile",
    "print_chunk",
    "print_findings",
    "print_recording",
    "print_rows",
    "print_replay",
    "print_session_settings",
    "print_sessions",
    "print_settings",
    "recording_value",
]
