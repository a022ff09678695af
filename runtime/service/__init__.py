"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .call_errors import CallError
from .descriptor_limit import raise_descriptor_limit
from .listening import listening_socket, shared_listening_sockets
from .peers import BytesFromPeer, BytesHandler, BytesToPeer, Peer, Peers
from .recent_work import RecentQuantiles, RecentWork
from .server import END_SECONDS, GrpcServer, open_server
from .service_manager import ServiceManager, open_service_manager
from .session_messages import ending_message, link_message, node_message, session_message
from .tls import server_tls
from .worker_questions import WorkerQuestions

__all__ = [
    "BytesFromPeer",
    "BytesHandler",
    "BytesToPeer",
    "CallError",
    "END_SECONDS",
    "GrpcServer",
    "Peer",
    "Peers",
    "RecentQuantiles",
    "RecentWork",
    "ending_message",
    "link_message",
    "ServiceManager",
    "WorkerQuestions",
    "listening_socket",
    "node_message",
    "open_server",
    "open_service_manager",
    "raise_descriptor_limit",
    "server_tls",
    "shared_listening_sockets",
    "session_message",
]
