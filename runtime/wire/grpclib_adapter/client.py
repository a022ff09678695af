"""The client's end of HTTP/2: channel, connections, streams."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.encoding.base import GRPC_CONTENT_TYPE, CodecBase
from grpclib.metadata import encode_metadata
from grpclib.protocol import H2Protocol
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from multidict import MultiDict

from ..codec import Codec
from .frame_writer import FrameWriter, StreamEndedError
from .goaway_filter import GoawayFilter
from .protocol import Http2Protocol, StreamBuffer

# Not that of grpclib, which loses its running calls at a GOAWAY: servers spare it the frame.
_USER_AGENT: Final = "grpc-python-millrace"


class ClientProtocol(Http2Protocol):
    """One connection to a server.

    Attributes:
        closed: set when its socket is closed.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.closed = asyncio.Event()
        self._goaways = GoawayFilter()

    def data_received(self, data: bytes) -> None:
        """Take any bytes for a sign of life: the answer to a ping may be behind megabytes."""
        self.connection.ping_ack_process()
        data, last_stream = self._goaways.feed(data)
        if data:
            super().data_received(data)
        if last_stream is not None and not self.connection.is_closing():
            self._leave(last_stream)

    def _leave(self, last_stream: int) -> None:
        """Start no more calls on this connection; those that the server has accepted go on."""
        self.handler.close()
        for number, stream in list(self.processor.streams.items()):
            if number > last_stream:
                stream.__terminated__("the server closes the connection, and has not taken it")
        if not self.processor.streams:
            self.processor.close("the server closes the connection")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Set `closed`."""
        super().connection_lost(exc)
        self.closed.set()


class GrpclibChannel(Channel):
    """grpclib's channel with its own class of connections. Create it on asyncio.

    Attributes:
        protocols: the connections that are not closed, usually one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        codec: Codec,
        tls: ssl.SSLContext | None,
        configuration: Configuration,
        protocol_type: type[ClientProtocol],
    ) -> None:
        # Codec has the methods of CodecBase, but the room of the codec does not know grpclib.
        super().__init__(host, port, codec=cast("CodecBase", codec), ssl=tls, config=configuration)
        self.protocols: list[ClientProtocol] = []
        self._protocol_type = protocol_type

    async def connect(self) -> ClientProtocol:
        """Return the open connection, or open one.

        Raises:
            OSError: the server cannot be reached.
        """
        return cast("ClientProtocol", await self.__connect__())

    @property
    def current(self) -> ClientProtocol | None:
        """The connection that the next call uses; None: it opens one."""
        for each in reversed(self.protocols):
            if not (each.closed.is_set() or cast("Handler", each.handler).connection_lost):
                return each
        return None

    def retire(self) -> None:
        """Open another connection for the next call; running calls keep theirs."""
        if (current := self.current) is not None:
            current.handler.close()

    def close_all(self) -> None:
        """Close every connection, also those that were retired."""
        for each in self.protocols:
            if each.transport is not None:
                each.processor.close()
        self.close()

    def request_headers(self, path: str, metadata: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers of a call's request."""
        return [
            (":method", "POST"),
            (":scheme", self._scheme),
            (":path", path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", GRPC_CONTENT_TYPE),
            ("user-agent", _USER_AGENT),
            *encode_metadata(MultiDict(metadata)),
        ]

    def _protocol_factory(self) -> H2Protocol:
        protocol = self._protocol_type(Handler(), self._config, self._h2_config)
        self.protocols = [each for each in self.protocols if not each.closed.is_set()]
        self.protocols.append(protocol)
        return protocol


class CallWrapper(Protocol):
    """The object that grpclib notifies when a stream ends without a status."""

    def cancel(self, error: Exception) -> None:
        """Note that the stream has ended without a status."""


class ClientStream:
    """The client's side of one call.

    Attributes:
        writer: sends messages.

    Args:
        protocol: the connection.
        wrapper: is notified if the stream ends without a status.

    Raises:
        StreamEndedError: the connection is lost.
    """

    def __init__(self, protocol: ClientProtocol, wrapper: CallWrapper) -> None:
        self._connection = protocol.connection
        self._processor = protocol.processor
        if self._connection.is_closing():
            raise StreamEndedError("the connection is closed")
        self._stream = self._connection.create_stream(wrapper=wrapper)  # type: ignore[arg-type]
        self.writer = FrameWriter(self._stream)

    @property
    def is_connection_lost(self) -> bool:
        """Whether the connection is closed or closes."""
        return self._connection.is_closing()

    async def open(self, headers: list[tuple[str, str]], buffer: StreamBuffer) -> None:
        """Send the headers of the request.

        Args:
            headers: made by `GrpclibChannel.request_headers`.
            buffer: receives the server's messages.

        Raises:
            StreamEndedError: the connection is lost.
        """
        try:
            self._release = await self._stream.send_request(headers, _processor=self._processor)
        except ProtocolError as error:
            raise StreamEndedError("the connection is closed") from error
        self._stream.buffer = buffer  # type: ignore[assignment]

    def end(self) -> None:
        """Half-close the call.

        Raises:
            StreamEndedError: the call has ended.
        """
        assert self._stream.id is not None
        try:
            self._stream._h2_connection.end_stream(self._stream.id)
        except ProtocolError as error:
            raise StreamEndedError("the call is over") from error
        if not self._connection.is_closing():
            self._connection.flush()

    def reset(self) -> None:
        """Reset the stream, if it has not ended."""
        if not self._connection.is_closing() and self._stream.closable:
            self._stream.reset_nowait(ErrorCodes.CANCEL)
            self._connection.flush()

    def release(self) -> None:
        """Remove the stream from the connection."""
        with suppress(ProtocolError):
            self._release()

    def acknowledge(self, size: int) -> None:
        """Let the server send this many bytes more; do nothing if the call has ended."""
        if size and not self._connection.is_closing():
            assert self._stream.id is not None
            with suppress(ProtocolError):
                self._connection.ack(self._stream.id, size)

    def headers(self) -> dict[str, str]:
        """Return the headers of the response; empty until they arrive."""
        return dict(self._stream.headers or ())

    def trailers(self) -> dict[str, str] | None:
        """Return the trailers of the response; None until they arrive."""
        return None if self._stream.trailers is None else dict(self._stream.trailers)
