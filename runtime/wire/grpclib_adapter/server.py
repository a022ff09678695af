"""The server's end of HTTP/2: listening socket, connections, streams."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final, cast

from grpclib.config import Configuration
from grpclib.const import Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.protocol import H2Protocol, Stream
from grpclib.server import Server
from grpclib.server import Stream as ServerSideStream
from h2.events import AlternativeServiceAvailable, RequestReceived, UnknownFrameReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from .. import MAX_CONCURRENT_CALLS, MAX_FRAME_BYTES
from ..codec import Codec
from .frame_reader import FrameReader
from .frame_writer import FrameWriter
from .protocol import Http2Protocol, StreamBuffer

_IGNORED: Final = (UnknownFrameReceived, AlternativeServiceAvailable)


class ServerProtocol(Http2Protocol):
    """One client's connection.

    A `FrameReader` handles its bytes. A subclass decides when to read and how to close.
    """

    settings: ClassVar[Mapping[SettingCodes, int]] = {
        **Http2Protocol.settings,
        SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CONCURRENT_CALLS,
    }

    def __init__(self, template: H2Protocol) -> None:
        super().__init__(template.handler, template.config, template.h2_config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Replace how grpclib reads, accepts calls and closes."""
        super().connection_made(transport)
        self._close_gracefully = self.connection.close
        # grpclib closes it in many places, and then waits without a limit until all is sent.
        self.connection.close = self.close  # type: ignore[method-assign]
        # RFC 9113, 5.5: unknown frames are ignored. grpclib would raise an exception.
        self.processor.processors.update(dict.fromkeys(_IGNORED, _ignore))
        self.processor.processors[RequestReceived] = self._accept
        self._reader = FrameReader(self, super().data_received, most_bytes=MAX_FRAME_BYTES)

    def feed(self, data: bytes) -> None:
        """Handle the next bytes.

        Raises:
            FrameTooLongError: a frame is longer than allowed.
            Exception: the bytes are not HTTP/2, in the words of h2 or grpclib.
        """
        self._reader.feed(data)

    def make_buffer(self, acknowledge: Callable[[int], None]) -> StreamBuffer:
        """Return the buffer for the messages of a new call.

        Args:
            acknowledge: lets the client send this many bytes more.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection once everything is sent; grpclib calls this too."""
        self._close_gracefully()

    def send_goaway(self) -> None:
        """Ask the client to close the connection: the server answers no more calls."""
        if not self.connection.is_closing():
            with suppress(ProtocolError):
                self.connection._connection.close_connection()
            self.connection.flush()

    def _accept(self, event: RequestReceived) -> None:
        """Start a call, and release its stream when the call's task has ended.

        grpclib leaves the release to the task. A task that is cancelled before its first step,
        since the client reset the stream at once, does not release it: the buffer would keep its
        bytes, and they would never be acknowledged.
        """
        self.processor.process_request_received(event)
        stream = self.processor.streams[event.stream_id]
        acknowledge = partial(self._acknowledge, event.stream_id)
        stream.buffer = self.make_buffer(acknowledge)  # type: ignore[assignment]
        task = self.handler._tasks[stream]  # type: ignore[attr-defined]
        task.add_done_callback(lambda _: self._release(stream))

    def _acknowledge(self, stream_id: int, size: int) -> None:
        """Let the client send this many bytes more; do nothing if the call has ended."""
        if size and not self.connection.is_closing():
            with suppress(ProtocolError):
                self.connection.ack(stream_id, size)

    def _release(self, stream: Stream) -> None:
        assert stream.id is not None
        left = self.processor.streams.pop(stream.id, None)
        if left is not None and not self.connection.is_closing():
            self.connection.ack(stream.id, left.buffer.unacked_size())
        if self._reader.is_last and not self.processor.streams:
            self.close()


class GrpclibServer(Server):
    """grpclib's server with its own class of connections. Create it on asyncio.

    Args:
        handlers: the handler of each rpc, by its path.
        codec: encodes and decodes the messages.
        configuration: made by `http2_configuration`.
        make_protocol: returns the connection to use in place of grpclib's.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        codec: Codec,
        configuration: Configuration,
        make_protocol: Callable[[H2Protocol], H2Protocol],
    ) -> None:
        # Codec has the methods of CodecBase, but the room of the codec does not know grpclib.
        super().__init__([_Mapping(handlers)], codec=cast("CodecBase", codec), config=configuration)
        self._make_protocol = make_protocol

    def _protocol_factory(self) -> H2Protocol:
        return self._make_protocol(super()._protocol_factory())

    def stop_listening(self) -> None:
        """Accept no more connections; open ones stay."""
        if self._server is not None:
            self._server.close()


class _Mapping:
    """The handlers in the form that grpclib expects."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)

    def __mapping__(self) -> dict[str, Handler]:
        return self._handlers


class ServerStream:
    """The server's side of one call.

    Attributes:
        peer: the client's address, for the log.
        metadata: that the client sent.
        buffer: made by `ServerProtocol.make_buffer`.
        writer: sends messages.
    """

    def __init__(self, stream: "ServerSideStream[Any, Any]") -> None:
        self._stream = stream
        self._http2_stream = stream._stream
        self.buffer: Any = self._http2_stream.buffer
        self.metadata: Mapping[str, str | bytes] = stream.metadata or {}
        address = stream.peer.addr()
        self.peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "local"
        self.writer = FrameWriter(self._http2_stream)

    async def send_headers(self) -> None:
        """Send the headers, before any message."""
        await self._stream.send_initial_metadata()

    async def send_status(self, status: Status, message: str | None) -> None:
        """End the call with a status; do nothing if the client has reset it."""
        self._stream._send_message_done = True  # the messages did not go through grpclib
        with suppress(ProtocolError):
            await self._stream.send_trailing_metadata(status=status, status_message=message)


def _ignore(_event: object) -> None:
    """Ignore an event."""
