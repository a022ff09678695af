"""What a client is told of an error: the contract's message, or a gRPC status.

The table is the hierarchy of `runtime.errors` itself: each class says its `error_type`. An error
becomes a status only where the call cannot be answered in its own messages.
"""

import logging
from typing import Final

from grpclib.const import Status

from .. import errors
from ..errors import CallerError, InternalError, MillraceError, OperationalError, sole_error
from ..wire import InitProgressUpdate

_log = logging.getLogger("millrace.service")

_STATUSES: Final = {
    errors.ErrorType.VALIDATION: Status.INVALID_ARGUMENT,
    errors.ErrorType.TYPE_VALIDATION: Status.INVALID_ARGUMENT,
    errors.ErrorType.RESOURCE_LIMIT: Status.RESOURCE_EXHAUSTED,
    errors.ErrorType.AUTHENTICATION: Status.UNAUTHENTICATED,
    errors.ErrorType.VERSION_MISMATCH: Status.FAILED_PRECONDITION,
    errors.ErrorType.NODE_EXECUTION: Status.ABORTED,
    errors.ErrorType.INTERNAL: Status.INTERNAL,
    errors.ErrorType.UNSPECIFIED: Status.UNKNOWN,
}


class CallError(CallerError):
    """A fault that ends the call with a status, since no message of the contract can say it."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class RequestError(CallerError):
    """A message that the contract does not have at this place."""


class ShutdownError(OperationalError):
    """The server is going down, and this session with it."""


def status_of(error: MillraceError) -> Status:
    """Return the status that says an error."""
    if isinstance(error, CallError):
        return error.status
    if isinstance(error, ShutdownError):
        return Status.UNAVAILABLE  # a client may try again, elsewhere
    return _STATUSES[error.error_type]


def reportable_error(failure: BaseException) -> MillraceError:
    """Return the error that a client is told of a failure; one that is no error of ours is logged.

    Raises:
        CallError: it is one, and so ends the call with its status.
        BaseException: the failure itself, if it is none but a cancellation.
    """
    error = sole_error(failure) if isinstance(failure, BaseExceptionGroup) else failure
    if isinstance(error, CallError) or not isinstance(error, Exception):
        raise error
    if isinstance(error, MillraceError):
        if error.error_type is errors.ErrorType.INTERNAL and error.__cause__ is not None:
            _log.error("pipeline failed", exc_info=error)
        return error
    _log.error("call failed", exc_info=error)
    return InternalError("internal error; the server's log has more")


def progress_of_failure(error: MillraceError) -> InitProgressUpdate:
    """Return the last word on a node that did not become ready."""
    return InitProgressUpdate(node_id=error.node_id, status="error", message=str(error))
