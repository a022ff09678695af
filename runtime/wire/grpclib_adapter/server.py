"""The server's end of HTTP/2: connections and streams."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import ClassVar, Final, NoReturn

from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.protocol import AbstractHandler, Connection, EventsProcessor, Stream
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    AlternativeServiceAvailable,
    PingAckReceived,
    RequestReceived,
    StreamReset,
    UnknownFrameReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from .. import (
    CONNECTION_WINDOW_BYTES,
    MAX_CONCURRENT_CALLS,
    MAX_FRAME_BYTES,
    STREAM_WINDOW_BYTES,
)
from .call_request import CallRequest, RefusedCallError, read_call_request
from .frame_reader import FrameReader
from .h2_connection import ServerH2Connection
from .protocol import Http2Protocol, StreamBuffer
from .reset_budget import ResetBudget
from .server_stream import CONTENT_TYPE, ServerStream, end_stream, header_value

_IGNORED: Final = (UnknownFrameReceived, AlternativeServiceAvailable)
# RFC 9113, 6.8: GOAWAY with the highest id announces the end, and refuses no call that was sent.
_GOAWAY_HEADER: Final = b"\0\0\x08\x07\0\0\0\0\0"
_NO_ERROR: Final = bytes(4)
_HIGHEST_STREAM_ID: Final = 2**31 - 1
_GOAWAY_PING: Final = b"goaway\0\0"

# Headers are checked for each call by `read_call_request`, and kept as bytes until then: h2 would
# close the connection for a header that is not ASCII.
_H2_CONFIGURATION: Final = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


class ServerProtocol(Http2Protocol):
    """One client's connection.

    What it reads goes through a `FrameReader`. A subclass decides when to read, how to close, which
    calls to admit, and how to answer them.

    Attributes:
        takes_calls: whether its client may start further calls: until it has seen a GOAWAY.
    """

    settings: ClassVar[Mapping[SettingCodes, int]] = {
        **Http2Protocol.settings,
        SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CONCURRENT_CALLS,
    }

    def __init__(self, configuration: Configuration) -> None:
        self.takes_calls = True
        self._goaway_sent = False
        self._loses_calls_at_goaway = False
        self._cancels: dict[int, Callable[[], None]] = {}
        super().__init__(_Cancelling(self._cancels), configuration, _H2_CONFIGURATION)

    def open_connection(self, transport: asyncio.Transport) -> None:
        """Create the state of the connection, and replace how grpclib accepts calls and closes.

        That is reading, accepting calls, and closing.
        """
        self._h2 = ServerH2Connection(self.h2_config)
        self._h2.initiate_connection()
        initial = self._h2.local_settings.initial_window_size
        self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES - initial)
        self._h2.update_settings({int(SettingCodes.INITIAL_WINDOW_SIZE): STREAM_WINDOW_BYTES})
        self.connection = Connection(self._h2, transport, config=self.config)
        self.connection.initialize()
        self.processor = EventsProcessor(self.handler, self.connection)
        self._close_gracefully = self.connection.close
        # grpclib closes it in many places, and then waits without a limit until all is sent.
        self.connection.close = self.close  # type: ignore[method-assign]
        # RFC 9113, 5.5: unknown frames are ignored. grpclib would raise an exception.
        self.processor.processors.update(dict.fromkeys(_IGNORED, _ignore))
        self.processor.processors[RequestReceived] = self._accept
        self.processor.processors[StreamReset] = self._on_reset
        self.processor.processors[PingAckReceived] = self._on_ping_answer
        self._reader = FrameReader(self, self._feed_h2, most_bytes=MAX_FRAME_BYTES)
        self._resets = ResetBudget(asyncio.get_running_loop().time)

    def feed(self, data: bytes) -> None:
        """Handle the next bytes.

        Raises:
            FrameTooLongError: a frame is longer than allowed.
            Exception: the bytes are not HTTP/2, in the words of h2 or grpclib.
        """
        self._reader.feed(data)

    def admit(self, request: CallRequest) -> None:
        """Check whether a call may start; nothing was made for it yet.

        Raises:
            RefusedCallError: it may not.
        """
        raise NotImplementedError

    def start_call(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call; return a function that cancels it.

        Whoever answers it calls `ServerStream.release` at the end, also when it was cancelled.
        """
        raise NotImplementedError

    def make_buffer(self, acknowledge: Callable[[int], None]) -> StreamBuffer:
        """Return the buffer for the messages of a new call.

        Args:
            acknowledge: lets the client send this many bytes more.
        """
        raise NotImplementedError

    def on_reset_flood(self) -> None:
        """Close the connection: its client resets calls, or has them refused, without a limit."""
        raise NotImplementedError

    def on_last_call_ended(self) -> None:
        """Let the client close the connection: it may start no more calls, and none is left."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection once everything is sent; grpclib calls this too."""
        self._close_gracefully()

    def announce_goaway(self) -> None:
        """Ask the client to start its next calls on another connection; running calls go on.

        Calls that are under way are still accepted. The answer to a ping tells that the client has
        seen the first GOAWAY; then a second one has the last accepted call, and the connection
        closes when its calls have ended (RFC 9113, 6.8). A client that would end its running calls
        at GOAWAY receives none: its further calls are refused.
        """
        if self._goaway_sent or self.connection.is_closing():
            return
        self._goaway_sent = True
        if self._loses_calls_at_goaway:
            self.takes_calls = False
            self._close_if_last()
            return
        self._write_goaway(_HIGHEST_STREAM_ID)
        with suppress(ProtocolError):
            self._h2.ping(_GOAWAY_PING)
        self.connection.flush()

    def send_goaway(self, error_code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Ask the client to close the connection: no more calls are answered."""
        if not self.connection.is_closing():
            with suppress(ProtocolError):
                self._h2.close_connection(error_code)
            self.connection.flush()

    def _write_goaway(self, last_stream_id: int) -> None:
        # Past h2, which would take its own GOAWAY for the end of the connection.
        assert self.transport is not None
        self.transport.write(_GOAWAY_HEADER + last_stream_id.to_bytes(4, "big") + _NO_ERROR)

    def _on_ping_answer(self, event: PingAckReceived) -> None:
        self.processor.process_ping_ack_received(event)
        if event.ping_data == _GOAWAY_PING and self._goaway_sent and self.takes_calls:
            self.takes_calls = False
            self._write_goaway(self._h2.highest_inbound_stream_id)
            self._close_if_last()

    def _close_if_last(self) -> None:
        """Close the connection if its last call has ended."""
        if self.processor.streams or self.connection.is_closing():
            return
        if self._reader.is_last:
            self.close()
        elif not self.takes_calls:
            self.on_last_call_ended()

    def _feed_h2(self, data: bytes) -> None:
        if not self.connection.is_closing():  # by a frame before these
            super().data_received(data)

    def _accept(self, event: RequestReceived) -> None:
        """Start a call, or refuse it."""
        stream_id = event.stream_id
        assert stream_id is not None
        if self.connection.is_closing():
            return  # by an earlier frame of the same read
        try:
            if not self._h2.has_place_for(stream_id, MAX_CONCURRENT_CALLS):
                raise RefusedCallError(
                    Status.RESOURCE_EXHAUSTED,
                    f"more than {MAX_CONCURRENT_CALLS} calls on one connection",
                )
            request = read_call_request(event.headers or ())
            self.admit(request)
        except RefusedCallError as refused:
            self._refuse(stream_id, refused)
            return
        self._loses_calls_at_goaway = request.loses_calls_at_goaway
        stream = self.connection.create_stream(stream_id=stream_id)
        self.processor.register(stream)
        stream.buffer = self.make_buffer(partial(self._acknowledge, stream_id))  # type: ignore[assignment]
        release = partial(self._release, stream)
        self._cancels[stream_id] = self.start_call(ServerStream(self._h2, stream, request, release))

    def _refuse(self, stream_id: int, refused: RefusedCallError) -> None:
        """Answer a call with headers alone; whatever else comes for it is ignored."""
        headers = [(":status", str(refused.http_status))]
        if refused.http_status == 200:
            headers.append(("content-type", CONTENT_TYPE))
        if refused.status is not None:
            headers.append(("grpc-status", str(refused.status.value)))
        headers.append(("grpc-message", header_value(str(refused))))
        end_stream(self._h2, stream_id, headers)
        self.connection.flush()
        self._count_reset()

    def _on_reset(self, event: StreamReset) -> None:
        self.processor.process_stream_reset(event)
        self._count_reset()

    def _count_reset(self) -> None:
        if not self._resets.take() and not self.connection.is_closing():
            self.on_reset_flood()

    def _acknowledge(self, stream_id: int, size: int) -> None:
        """Let the client send this many bytes more; do nothing if the call has ended."""
        if size and not self.connection.is_closing():
            with suppress(ProtocolError):
                self.connection.ack(stream_id, size)

    def _release(self, stream: Stream) -> None:
        assert stream.id is not None
        self._cancels.pop(stream.id, None)
        left = self.processor.streams.pop(stream.id, None)
        if left is not None:
            self._acknowledge(stream.id, left.buffer.unacked_size())
        self._close_if_last()


class _Cancelling(AbstractHandler):
    """Cancels the calls that grpclib finds to be over."""

    def __init__(self, cancels: dict[int, Callable[[], None]]) -> None:
        self._cancels = cancels

    def accept(self, stream: Stream, headers: object, release_stream: object) -> NoReturn:
        """Do nothing: `ServerProtocol` accepts calls before grpclib would."""
        raise NotImplementedError

    def cancel(self, stream: Stream) -> None:
        """Cancel the call of a stream that was reset."""
        if stream.id in self._cancels:
            self._cancels[stream.id]()

    def close(self) -> None:
        """Cancel all calls of a connection that is closed."""
        for cancel in tuple(self._cancels.values()):
            cancel()


def _ignore(_event: object) -> None:
    """Ignore an event."""
