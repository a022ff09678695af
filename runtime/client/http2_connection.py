"""The HTTP/2 connection to a server. Runs on asyncio."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, TypeVar

import betterproto2

from ..config import ServerAddress
from ..errors import ServerError
from ..wire.codec import Codec
from ..wire.grpclib_adapter import ClientProtocol, GrpclibChannel, http2_configuration
from .call import CallEndedError, ClientCall, Endpoint
from .statuses import unreachable

_log = logging.getLogger("millrace.client")

Response = TypeVar("Response", bound=betterproto2.Message)

# Of one message of the server: a long run has several 10,000 outputs.
_MOST_FIELDS: Final = 4_000_000
# Pings find a server that is gone without closing its socket. They are sent while a call is open.
_KEEPALIVE_SECONDS: Final = 60.0
_KEEPALIVE_TIMEOUT_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 1.0
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class _Protocol(ClientProtocol):
    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 (invalid bytes end this connection only)
            _log.info("connection ended", extra={"reason": repr(error)})
            self.processor.close("the server sent invalid HTTP/2")


class Http2Connection:
    """A connection to a server. After it is lost, the next call opens a new one."""

    def __init__(
        self,
        address: ServerAddress,
        tls: ssl.SSLContext | None,
        metadata: dict[str, str],
        *,
        most_bytes: int,
        timeout_seconds: float,
        peer_timeout_seconds: float | None = None,
    ) -> None:
        codec = Codec(most_fields=_MOST_FIELDS)
        self._endpoint = Endpoint(str(address), codec, most_bytes, metadata)
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        every, answer = _KEEPALIVE_SECONDS, _KEEPALIVE_TIMEOUT_SECONDS
        if peer_timeout_seconds is not None:
            # A server whose event loop stands still for two of three seconds is not lost.
            every, answer = peer_timeout_seconds / 6, peer_timeout_seconds * 5 / 6
        configuration = http2_configuration(
            keepalive_seconds=every, keepalive_timeout_seconds=answer, ping_without_calls=False
        )
        self._channel = GrpclibChannel(
            address.host, address.port, codec, tls, configuration, _Protocol
        )

    @property
    def address(self) -> str:
        """The server's address."""
        return self._endpoint.address

    @property
    def current(self) -> ClientProtocol | None:
        """The HTTP/2 connection that the next call uses; None: it opens one."""
        return self._channel.current

    def retire(self) -> None:
        """Open another HTTP/2 connection for the next call; running calls keep theirs."""
        self._channel.retire()

    def encode(self, message: betterproto2.Message) -> bytes:
        """Return a message's bytes, with the length prefix, for `ClientCall.send`.

        Raises:
            LimitError: the message is longer than allowed.
        """
        return self._endpoint.encode(message)

    async def connect(self) -> ClientProtocol:
        """Return the open connection, or open one.

        Raises:
            UnreachableError: no server answers at the address, or not in time, or TLS fails.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._channel.connect()
        except (OSError, UnicodeError) as error:  # UnicodeError: an invalid host name
            raise unreachable(self._endpoint.address, error, tls=self._tls is not None) from error

    async def open_call(
        self, path: str, response_type: type[Response], metadata: Mapping[str, str] = _NONE
    ) -> ClientCall[Response]:
        """Start a call; the caller closes it.

        Args:
            path: of the method.
            response_type: of its responses.
            metadata: of this call, beside that of every call.

        Raises:
            UnreachableError: as `connect`.
        """
        protocol = await self.connect()
        call = ClientCall(self._endpoint, protocol, response_type)
        headers = self._channel.request_headers(path, {**self._endpoint.metadata, **metadata})
        await call.open(headers)
        return call

    async def call_unary(
        self, path: str, request: betterproto2.Message, response_type: type[Response]
    ) -> Response:
        """Make a unary call, and return its response.

        Raises:
            MillraceError: the error of the call's status.
        """
        call = await self.open_call(path, response_type)
        try:
            return await self.exchange(call, request)
        finally:
            call.close()

    async def exchange(self, call: ClientCall[Response], request: betterproto2.Message) -> Response:
        """Send the request of a unary call, and return its response.

        Raises:
            MillraceError: the error of the call's status.
        """
        with suppress(CallEndedError):  # the status has the reason
            await call.send(call.encode(request), end=True)
        response = await call.receive()
        if response is None or await call.receive() is not None:
            raise ServerError(f"{self._endpoint.address}: expected one response")
        return response

    async def close(self) -> None:
        """Close the connection, and wait until its socket is closed."""
        self._channel.close_all()
        protocols = self._channel.protocols
        try:
            with suppress(TimeoutError):
                await _all_closed(protocols)
        finally:
            for each in protocols:
                if each.transport is not None and not each.closed.is_set():
                    each.transport.abort()
        with suppress(TimeoutError):
            await _all_closed(protocols)


async def _all_closed(protocols: list[ClientProtocol]) -> None:
    async with asyncio.timeout(_CLOSE_SECONDS):
        for each in protocols:
            if each.transport is not None:
                await each.closed.wait()
