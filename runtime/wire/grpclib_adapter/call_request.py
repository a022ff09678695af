"""The headers that begin a call, checked before anything is made for the call."""

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from grpclib.const import Status

from ..tokens import AUTHORIZATION

_GRPC: Final = {b"application/grpc", b"application/grpc+proto"}
_TIMEOUT: Final = re.compile(r"(\d{1,8})([HMSmun])")
_UNIT_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_TRACEPARENT: Final = b"traceparent"
_GRPCLIB: Final = b"grpc-python-grpclib/"
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What a client asks for in the headers of a call.

    Attributes:
        path: of the rpc.
        timeout_seconds: after which the client does not wait any longer; None: no limit.
        authorization: the header of that name; None if there is none.
        traceparent: the header of that name, not checked; None if there is none, or several.
        loses_calls_at_goaway: whether the client says that it is grpclib, which ends the running
            calls of a connection at any GOAWAY.
    """

    path: str
    timeout_seconds: float | None = None
    authorization: str | None = None
    traceparent: str | None = None
    loses_calls_at_goaway: bool = False


class RefusedCallError(Exception):
    """A call that ends with a status before anything is started for it.

    Attributes:
        status: of gRPC; None for a request of another protocol, which only has an HTTP status.
        http_status: of the response.
    """

    def __init__(self, status: Status | None, message: str, *, http_status: int = 200) -> None:
        super().__init__(message)
        self.status = status
        self.http_status = http_status


def read_call_request(headers: Iterable[tuple[bytes, bytes]]) -> CallRequest:
    """Check the headers of a call.

    Headers that the server does not use may have any value: proxies add some that are not ASCII.
    Only binary ones must be base64, as gRPC defines it.

    Raises:
        RefusedCallError: they are not those of a gRPC call, or a value is not of its form.
    """
    found: dict[bytes, bytes] = {}
    traceparents: list[bytes] = []
    for name, value in headers:
        if name.startswith(b":") and name in found:
            raise RefusedCallError(None, f"the header {_shown(name)} occurs twice", http_status=400)
        if name.endswith(b"-bin"):
            _check_binary(name, value)
        if name == _TRACEPARENT:
            traceparents.append(value)
        found.setdefault(name, value)
    if found.get(b":method") != b"POST":
        raise RefusedCallError(None, "gRPC calls use the method POST", http_status=405)
    if found.get(b"content-type") not in _GRPC:
        accepted = "the content-type of gRPC calls is application/grpc+proto"
        raise RefusedCallError(Status.UNKNOWN, accepted, http_status=415)
    if found.get(b"te") != b"trailers":
        raise RefusedCallError(Status.UNKNOWN, "gRPC calls need te: trailers", http_status=400)
    authorization = found.get(AUTHORIZATION.encode())
    return CallRequest(
        _ascii(b":path", found.get(b":path", b"")),
        _timeout_seconds(found.get(b"grpc-timeout")),
        # No token is like one that is not ASCII, so it is refused as an unknown one.
        None if authorization is None else authorization.decode("latin-1"),
        traceparents[0].decode("latin-1") if len(traceparents) == 1 else None,
        found.get(b"user-agent", b"").startswith(_GRPCLIB),
    )


def _ascii(name: bytes, value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise RefusedCallError(
            Status.INVALID_ARGUMENT, f"the header {_shown(name)} is not ASCII"
        ) from None


def _timeout_seconds(value: bytes | None) -> float | None:
    if value is None:
        return None
    found = _TIMEOUT.fullmatch(value.decode("latin-1"))
    if found is None:
        raise RefusedCallError(
            Status.INVALID_ARGUMENT,
            f"grpc-timeout is {_shown(value)}; expected up to 8 digits and a unit, H, M, S, m, u "
            'or n, such as "30S"',
        )
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def _check_binary(name: bytes, value: bytes) -> None:
    # Several values of one name may be joined; padding may be left out.
    for each in value.split(b","):
        part = each.strip()
        try:
            binascii.a2b_base64(part + b"=" * (-len(part) % 4), strict_mode=True)
        except binascii.Error:
            raise RefusedCallError(
                Status.INVALID_ARGUMENT, f"the header {_shown(name)} is not base64"
            ) from None


def _shown(value: bytes) -> str:
    """Return a header's name or value for a message, which is sent in a header itself."""
    return ascii(value[:_SHOWN_CHARACTERS].decode("latin-1"))
