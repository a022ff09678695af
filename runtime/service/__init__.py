"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .server import GrpcServer, open_server

__all__ = [
    "GrpcServer",
    "open_server",
]
