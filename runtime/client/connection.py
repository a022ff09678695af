"""A connection to a server, in asyncio: grpclib's channel, with bounds and an end of our own."""

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import betterproto2
from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.encoding.base import CodecBase
from grpclib.protocol import H2Protocol
from h2.settings import SettingCodes

from ..config import ServerAddress
from ..errors import ServerError
from ..wire import CONNECTION_WINDOW_BYTES, MAX_FRAME_BYTES, STREAM_WINDOW_BYTES
from ..wire.codec import Codec
from .call import Call, CallEndedError, Endpoint
from .statuses import unreachable

_log = logging.getLogger("millrace.client")

Response = TypeVar("Response", bound=betterproto2.Message)

# A server that is gone without a word is found out while a call waits for it.
_KEEPALIVE_SECONDS: Final = 60.0
_KEEPALIVE_TIMEOUT_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 1.0


class _Protocol(H2Protocol):
    """One connection.

    Attributes:
        closed: set when its socket is closed.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.closed = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", transport)
        self.connection._connection.update_settings({SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES})
        # h2 looks at this once per piece that comes in; a server's first large frame may come in
        # one piece with its word that it has read the settings.
        self.connection._connection.max_inbound_frame_size = MAX_FRAME_BYTES
        self.connection.flush()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 (bytes of a stranger; they end this connection only)
            _log.info("connection ended", extra={"reason": repr(error)})
            self.processor.close("not understood")

    def resume_writing(self) -> None:
        super().resume_writing()
        for stream in self.processor.streams.values():
            stream.window_updated.set()  # so that a call that waits to write has one thing to watch

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        self.closed.set()


class _Channel(Channel):
    def __init__(self, address: ServerAddress, tls: ssl.SSLContext | None, codec: Codec) -> None:
        super().__init__(
            address.host,
            address.port,
            codec=cast("CodecBase", codec),  # it has what grpclib asks of one
            ssl=tls,
            config=_configuration(),
        )
        self.made: list[_Protocol] = []

    def _protocol_factory(self) -> H2Protocol:
        protocol = _Protocol(Handler(), self._config, self._h2_config)
        self.made = [each for each in self.made if not each.closed.is_set()]
        self.made.append(protocol)
        return protocol


class Connection:
    """A connection to a server; after it was lost, the next call makes a new one."""

    def __init__(
        self,
        address: ServerAddress,
        tls: ssl.SSLContext | None,
        metadata: dict[str, str],
        *,
        most_bytes: int,
        timeout_seconds: float,
    ) -> None:
        codec = Codec()
        self._endpoint = Endpoint(str(address), codec, most_bytes, metadata)
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._channel = _Channel(address, tls, codec)

    async def connect(self) -> H2Protocol:
        """Return the connection, made anew where there is none.

        Raises:
            UnreachableError: nobody answers there, or not in time, or not with TLS as expected.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._channel.__connect__()
        except (OSError, UnicodeError) as error:  # a name that is none is a UnicodeError
            raise unreachable(self._endpoint.address, error, tls=self._tls is not None) from error

    async def open_call(self, path: str, response_type: type[Response]) -> Call[Response]:
        """Begin an rpc; close what is returned.

        Raises:
            UnreachableError: as `connect`.
        """
        protocol = await self.connect()
        call = Call(self._endpoint, protocol, response_type)
        await call.open(path, scheme=self._channel._scheme, authority=self._channel._authority)
        return call

    async def ask(
        self, path: str, request: betterproto2.Message, response_type: type[Response]
    ) -> Response:
        """Make a call of one message each way.

        Raises:
            MillraceError: what the call's status says.
        """
        call = await self.open_call(path, response_type)
        try:
            with suppress(CallEndedError):  # why it has, the status says
                await call.send(call.frame_of(request), end=True)
            response = await call.receive()
            if response is None or await call.receive() is not None:
                raise ServerError(
                    f"{self._endpoint.address}: expected one message in answer to {path}"
                )
            return response
        finally:
            call.close()

    async def close(self) -> None:
        """Close the connection, and wait until its socket is closed."""
        self._channel.close()
        made = self._channel.made
        try:
            with suppress(TimeoutError):
                await _all_closed(made)
        finally:
            for each in made:
                if each.transport is not None and not each.closed.is_set():
                    each.transport.abort()
        with suppress(TimeoutError):
            await _all_closed(made)


async def _all_closed(made: list[_Protocol]) -> None:
    async with asyncio.timeout(_CLOSE_SECONDS):
        for each in made:
            if each.transport is not None:
                await each.closed.wait()


def _configuration() -> Configuration:
    return Configuration(
        http2_connection_window_size=CONNECTION_WINDOW_BYTES,
        http2_stream_window_size=STREAM_WINDOW_BYTES,
        _keepalive_time=_KEEPALIVE_SECONDS,
        _keepalive_timeout=_KEEPALIVE_TIMEOUT_SECONDS,
        _http2_max_pings_without_data=0,
        _http2_min_sent_ping_interval_without_data=_KEEPALIVE_SECONDS / 2,
    )
