"""The messages of gRPC's standard services: health, server reflection, load reports."""

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
from ..generated.xds.data.orca.v3 import OrcaLoadReport
from ..generated.xds.service.orca.v3 import Interval, OrcaLoadReportRequest

ServingStatus = HealthCheckResponseServingStatus

__all__ = [
    "ErrorResponse",
    "ExtensionNumberResponse",
    "FileDescriptorResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "Interval",
    "ListServiceResponse",
    "OrcaLoadReport",
    "OrcaLoadReportRequest",
    "ServerReflectionRequest",
    "ServerReflectionResponse",
    "ServiceResponse",
    "ServingStatus",
]
