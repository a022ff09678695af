"""The messages of gRPC's standard services: health and server reflection."""

from ..generated.grpc.health.v1 import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthCheckResponseServingStatus,
)
from ..generated.grpc.reflection.v1 import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)

ServingStatus = HealthCheckResponseServingStatus

__all__ = [
    "ErrorResponse",
    "ExtensionNumberResponse",
    "FileDescriptorResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "ListServiceResponse",
    "ServerReflectionRequest",
    "ServerReflectionResponse",
    "ServiceResponse",
    "ServingStatus",
]
