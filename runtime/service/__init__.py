"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .descriptor_limit import raise_descriptor_limit
from .listening import listening_socket
from .server import GrpcServer, open_server
from .tls import server_tls

__all__ = [
    "GrpcServer",
    "listening_socket",
    "open_server",
    "raise_descriptor_limit",
    "server_tls",
]
