"""The errors of a call, and how a client receives any error: in a message or as a status."""

import logging
from collections.abc import Sequence
from typing import Final

from grpclib.const import Status

from ..config import replica_of
from ..errors import (
    CallerError,
    ErrorType,
    InternalError,
    MillraceError,
    ServerFullError,
    ShutdownError,
    sole_error,
)
from ..session import Runtime
from ..wire import REPLICA_ADDRESS_TRAILER, InitProgressUpdate
from ..wire.grpclib_adapter import STATUS_OF_TYPE

SHUTTING_DOWN: Final = "the server is shutting down; try another one"

# Enough for any session id, and little in a log.
_MAX_SHOWN_CHARACTERS: Final = 80

_log = logging.getLogger("millrace.service")


class CallError(CallerError):
    """An error that ends a call with a status: no message of the contract can carry it.

    Attributes:
        trailers: beside the status.
    """

    def __init__(
        self, status: Status, message: str, trailers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.trailers = tuple(trailers)


def session_not_found(session_id: str, runtime: Runtime) -> CallError:
    """Return the error for a session that is not open here, or that the caller may not see.

    If its id names another replica, the error tells which, and where that is.
    """
    shown = repr(session_id[:_MAX_SHOWN_CHARACTERS])
    message = f"no session {shown} is open on this server"
    replica = replica_of(session_id)
    if replica is None or replica == runtime.replica_id:
        return CallError(Status.NOT_FOUND, message)
    address = runtime.config.server.replicas.get(replica)
    message += f", which is the replica {runtime.replica_id!r}; the id is of {replica!r}"
    if address is None:
        return CallError(Status.NOT_FOUND, f"{message}: connect to the address of that one")
    trailers = [(REPLICA_ADDRESS_TRAILER, address)]
    return CallError(Status.NOT_FOUND, f"{message}, at {address}: connect there", trailers)


class RequestError(CallerError):
    """A message in the wrong order, or without a required field."""


def status_of(error: MillraceError) -> Status:
    """Return the status of an error."""
    if isinstance(error, CallError):
        return error.status
    if isinstance(error, ShutdownError):
        return Status.UNAVAILABLE  # tells clients to try again, at another server
    return STATUS_OF_TYPE[error.error_type]


def reportable_error(failure: BaseException) -> MillraceError:
    """Return the error to send to the client for a failure. Errors outside the tree are logged.

    Raises:
        CallError: the failure is one, which must end the call with its status.
        BaseException: the failure is a cancellation.
    """
    error = sole_error(failure) if isinstance(failure, BaseExceptionGroup) else failure
    try:
        if isinstance(error, CallError) or not isinstance(error, Exception):
            raise error
        if isinstance(error, MillraceError):
            if error.error_type is ErrorType.INTERNAL and error.__cause__ is not None:
                _log.error("pipeline failed", exc_info=error)
            return error
        _log.error("call failed", exc_info=error)
        return InternalError("internal error; the server's log has more")
    finally:
        # A raised error refers to this frame. If the frame referred to it too, only the cyclic
        # collector would free what its other frames refer to: a session's shared memory.
        del failure, error


def error_in_band(failure: BaseException, *, is_draining: bool) -> MillraceError:
    """Return the error to send to the client in a message.

    Args:
        failure: of the call.
        is_draining: whether the server shuts down.

    Raises:
        CallError: the failure must end the call with a status. RESOURCE_EXHAUSTED, or UNAVAILABLE
            while the server drains, for a session that another server may have room for: gRPC's
            own retries look at the status only.
        BaseException: the failure is a cancellation.
    """
    try:
        error = reportable_error(failure)
    finally:
        del failure  # as there
    if isinstance(error, ServerFullError):
        status = Status.UNAVAILABLE if is_draining else Status.RESOURCE_EXHAUSTED
        raise CallError(status, str(error))
    return error


def progress_of_failure(error: MillraceError) -> InitProgressUpdate:
    """Return the last progress of a node that was not ready."""
    return InitProgressUpdate(node_id=error.node_id, status="error", message=str(error))
