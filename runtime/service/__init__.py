"""The gRPC service: remotemedia.v1 in front of a runtime."""

from .descriptor_limit import raise_descriptor_limit
from .server import END_SECONDS, GrpcServer, open_server
from .service_manager import ServiceManager, open_service_manager

__all__ = [
    "END_SECONDS",
    "GrpcServer",
    "ServiceManager",
    "open_server",
    "open_service_manager",
    "raise_descriptor_limit",
]
