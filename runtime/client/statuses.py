"""Conversion of failed calls and connections to errors of the tree."""

import os
import ssl
from collections.abc import Mapping
from typing import Final

from grpclib.const import Status
from grpclib.metadata import decode_grpc_message

from ..errors import MillraceError, ServerError, UnreachableError
from ..wire.grpclib_adapter import ERROR_OF_STATUS

_HTTP_OK: Final = "200"


def status_error(headers: Mapping[str, str], address: str) -> MillraceError | None:
    """Return the error of a call from its last headers; None for status OK."""
    http = headers.get(":status", _HTTP_OK)
    if "grpc-status" not in headers:
        if http != _HTTP_OK:
            return ServerError(f"{address}: HTTP status {http}; is it a gRPC server?")
        return ServerError(f"{address}: the call ended without a status; is it a gRPC server?")
    number = headers["grpc-status"]
    message = decode_grpc_message(headers.get("grpc-message", ""))
    try:
        status = Status(int(number))
    except ValueError:
        return ServerError(f"{address}: status {number}: {message}")
    if status is Status.OK:
        return None
    return ERROR_OF_STATUS[status](f"{address}: {message or status.name}")


def unreachable(address: str, error: Exception, *, tls: bool) -> UnreachableError:
    """Return the error of a connection that could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted: {error.verify_message}; give the right ca"
    elif isinstance(error, ssl.SSLError):
        reason = f"{error.reason or error}; does it serve TLS at all?"
    elif isinstance(error, TimeoutError):
        reason = "no answer in time"
    elif isinstance(error, OSError):
        # asyncio's text repeats the address. getaddrinfo's errors have negative numbers.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    else:
        reason = str(error) or type(error).__name__
    scheme = " with TLS" if tls else ""
    return UnreachableError(f"{address} cannot be reached{scheme}: {reason}")
