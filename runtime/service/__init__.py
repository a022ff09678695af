"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .descriptor_limit import raise_descriptor_limit
from .listening import listening_socket
from .server import END_SECONDS, GrpcServer, open_server
from .service_manager import ServiceManager, open_service_manager
from .tls import server_tls

__all__ = [
    "END_SECONDS",
    "GrpcServer",
    "ServiceManager",
    "listening_socket",
    "open_server",
    "open_service_manager",
    "raise_descriptor_limit",
    "server_tls",
]
