"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .descriptor_limit import raise_descriptor_limit
from .server import GrpcServer, open_server

__all__ = [
    "GrpcServer",
    "open_server",
    "raise_descriptor_limit",
]
