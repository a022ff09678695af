"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .descriptor_limit import raise_descriptor_limit
from .listening import listening_socket
from .recent_work import RecentQuantiles, RecentWork
from .server import GrpcServer, open_server
from .session_messages import ending_message, link_message, node_message, session_message
from .tls import server_tls

__all__ = [
    "GrpcServer",
    "RecentQuantiles",
    "RecentWork",
    "ending_message",
    "link_message",
    "listening_socket",
    "node_message",
    "open_server",
    "raise_descriptor_limit",
    "server_tls",
    "session_message",
]
