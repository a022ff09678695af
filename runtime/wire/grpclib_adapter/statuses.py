"""gRPC statuses and the errors of the tree, in both directions.

A status is the error of a call that no message of the contract can carry.
"""

from typing import Final

from grpclib.const import Status

from ... import errors
from ...errors import ErrorType, MillraceError

STATUS_OF_TYPE: Final[dict[ErrorType, Status]] = {
    ErrorType.UNSPECIFIED: Status.UNKNOWN,
    ErrorType.VALIDATION: Status.INVALID_ARGUMENT,
    ErrorType.NODE_EXECUTION: Status.ABORTED,
    ErrorType.RESOURCE_LIMIT: Status.RESOURCE_EXHAUSTED,
    ErrorType.AUTHENTICATION: Status.UNAUTHENTICATED,
    ErrorType.VERSION_MISMATCH: Status.FAILED_PRECONDITION,
    ErrorType.INTERNAL: Status.INTERNAL,
    ErrorType.TYPE_VALIDATION: Status.INVALID_ARGUMENT,
}
"""The status of each class of errors."""

ERROR_OF_STATUS: Final[dict[Status, type[MillraceError]]] = {
    Status.CANCELLED: errors.ServerError,
    Status.UNKNOWN: errors.ServerError,
    Status.INVALID_ARGUMENT: errors.CallerError,
    Status.DEADLINE_EXCEEDED: errors.ServerError,
    Status.NOT_FOUND: errors.CallerError,
    Status.ALREADY_EXISTS: errors.CallerError,
    Status.PERMISSION_DENIED: errors.AuthenticationError,
    Status.RESOURCE_EXHAUSTED: errors.LimitError,
    Status.FAILED_PRECONDITION: errors.VersionMismatchError,
    Status.ABORTED: errors.PipelineError,
    Status.OUT_OF_RANGE: errors.CallerError,
    Status.UNIMPLEMENTED: errors.ServerError,
    Status.INTERNAL: errors.ServerError,
    Status.UNAVAILABLE: errors.UnreachableError,
    Status.DATA_LOSS: errors.ServerError,
    Status.UNAUTHENTICATED: errors.AuthenticationError,
}
"""The error that a client raises for a status."""
