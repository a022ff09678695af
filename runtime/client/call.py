"""One rpc, in asyncio: messages out and in, as far as HTTP/2's flow control lets them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import betterproto2
import h2.exceptions
from grpclib.encoding.base import GRPC_CONTENT_TYPE
from grpclib.metadata import USER_AGENT, encode_metadata
from grpclib.protocol import H2Protocol
from h2.errors import ErrorCodes
from multidict import MultiDict

from ..errors import LimitError, MillraceError, ServerError, UnreachableError
from ..wire.codec import Codec, DecodeError
from .message_buffer import MessageBuffer
from .statuses import status_error

Response = TypeVar("Response", bound=betterproto2.Message)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What every call to one server shares.

    Attributes:
        address: of the server, for messages.
        codec: encodes and decodes the messages.
        most_bytes: the most that a message may have, either way.
        metadata: sent with every call.
    """

    address: str
    codec: Codec
    most_bytes: int
    metadata: Mapping[str, str]


class CallEndedError(ServerError):
    """The server has ended the call while there was still something to send."""


class Call(Generic[Response]):
    """One rpc. `send` and `receive` may be used at the same time.

    Nothing is lost when they are cancelled: `receive` can be called again, and a message whose
    beginning `send` has put on the wire is completed by the next one.
    """

    def __init__(
        self, endpoint: Endpoint, protocol: H2Protocol, response_type: type[Response]
    ) -> None:
        self._endpoint = endpoint
        self._processor = protocol.processor
        self._response_type = response_type
        self._stream = protocol.processor.connection.create_stream(wrapper=self)  # type: ignore[arg-type]
        self._h2 = self._stream._h2_connection
        self._buffer = MessageBuffer(
            self._acknowledge, self._stream.window_updated.set, most_bytes=endpoint.most_bytes
        )
        self._id = 0
        self._sending = asyncio.Lock()
        self._unsent = memoryview(b"")
        self._ended = False
        self._is_reset = False
        self._cut_off: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the server says no more, all that it has said being here."""
        return self._buffer.ended

    def cancel(self, error: Exception) -> None:
        """Take note that the call is cut off: what grpclib tells a call's wrapper."""
        if not self._buffer.ended:
            self._cut_off = str(error)
            self._buffer.eof()

    async def open(self, path: str, *, scheme: str, authority: str) -> None:
        """Send the headers."""
        headers = [
            (":method", "POST"),
            (":scheme", scheme),
            (":path", path),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", GRPC_CONTENT_TYPE),
            ("user-agent", USER_AGENT),
            *encode_metadata(MultiDict(self._endpoint.metadata)),
        ]
        try:
            self._release = await self._stream.send_request(headers, _processor=self._processor)
        except (AttributeError, h2.exceptions.ProtocolError) as error:
            address = self._endpoint.address
            raise UnreachableError(f"{address}: the connection was lost") from error
        self._id = self._stream.id or 0
        self._stream.buffer = self._buffer  # type: ignore[assignment]
        if self._stream.connection.is_closing():
            self.cancel(ConnectionError("before the call began"))

    def frame_of(self, message: betterproto2.Message) -> bytes:
        """Return a message as it is sent.

        Raises:
            LimitError: it is longer than allowed.
        """
        frame = self._endpoint.codec.encode_prefixed(message)
        if len(frame) - 5 > self._endpoint.most_bytes:
            raise LimitError(
                f"a message of {len(frame) - 5} bytes; this client sends at most "
                f"{self._endpoint.most_bytes} (max_message_bytes): send smaller chunks"
            )
        return frame

    def try_send(self, frame: bytes, *, end: bool = False) -> bool:
        """Send a message if that needs no waiting; return whether it was sent.

        Raises:
            CallEndedError: the server takes no more.
        """
        if self._sending.locked() or self._unsent or self._room() < len(frame):
            return False
        self._check_open()
        self._unsent = memoryview(frame)
        self._write()
        if end:
            self._end()
        return True

    async def send(self, frame: bytes, *, end: bool = False) -> None:
        """Send a message; wait while the server takes none.

        Args:
            frame: of `frame_of`.
            end: whether it is the last.

        Raises:
            CallEndedError: the server takes no more.
        """
        async with self._sending:
            await self._write_all()  # what a cancelled send has left
            self._unsent = memoryview(frame)
            try:
                await self._write_all()
            except asyncio.CancelledError:
                if len(self._unsent) == len(frame):
                    self._unsent = memoryview(b"")
                raise
            if end:
                self._end()

    async def end(self) -> None:
        """Half-close the call: say that no more comes."""
        async with self._sending:
            await self._write_all()
            self._end()

    async def receive(self) -> Response | None:
        """Return the next message, or None at the end of a call that ended well.

        Raises:
            MillraceError: what the status says, or what is wrong with the message.
        """
        body = await self._buffer.receive()
        if body is None:
            error = self.error_at_end()
            if error is not None:
                raise error
            return None
        return self._decoded(body)

    def try_receive(self) -> Response | None:
        """Return the next message if it is here already."""
        body = self._buffer.take()
        return None if body is None else self._decoded(body)

    def error_at_end(self) -> MillraceError | None:
        """Return what the status of a call that has ended says; None for one that ended well."""
        address = self._endpoint.address
        if self._is_reset:
            return None
        last = self._last_headers()
        if last is not None:
            return status_error(last, address)
        if self._stream.connection.is_closing():
            return UnreachableError(f"{address}: the connection was lost ({self._cut_off})")
        return ServerError(f"{address}: the server gave the call up ({self._cut_off})")

    def reset(self) -> None:
        """Give the call up: the server cancels what it does for it."""
        self._is_reset = True
        if self._stream.closable:
            self._stream.reset_nowait(ErrorCodes.CANCEL)
            self._stream.connection.flush()
        if not self._buffer.ended:
            self._buffer.eof()

    def close(self) -> None:
        """Leave nothing of the call; one that has not ended is given up."""
        self.reset()
        with suppress(AttributeError, h2.exceptions.ProtocolError):
            self._release()

    def _room(self) -> int:
        """Return how many bytes could be sent without waiting."""
        if self._buffer.ended:
            self._check_open()
        if not self._stream.connection.write_ready.is_set():
            return 0
        try:
            return self._h2.local_flow_control_window(self._id)
        except h2.exceptions.ProtocolError as error:
            raise CallEndedError("the call has ended") from error

    def _check_open(self) -> None:
        if self._buffer.ended or self._ended:
            raise CallEndedError("the call has ended")

    async def _write_all(self) -> None:
        while self._unsent:
            self._check_open()
            if self._room() > 0:
                self._write()
            else:
                self._stream.window_updated.clear()
                await self._stream.window_updated.wait()

    def _write(self) -> None:
        """Send as much as there is room for."""
        most = min(self._room(), len(self._unsent))
        frame_bytes = self._h2.max_outbound_frame_size
        for start in range(0, most, frame_bytes):
            self._h2.send_data(self._id, self._unsent[start : min(start + frame_bytes, most)])
        self._unsent = self._unsent[most:]
        self._stream.connection.flush()
        self._stream.connection.data_send_process()

    def _end(self) -> None:
        self._check_open()
        self._ended = True
        self._h2.end_stream(self._id)
        self._stream.connection.flush()

    def _acknowledge(self, size: int) -> None:
        # grpclib has taken the transport away where the connection is closed already.
        if size:
            with suppress(AttributeError, h2.exceptions.ProtocolError):
                self._stream.connection.ack(self._id, size)

    def _decoded(self, body: bytes) -> Response:
        try:
            return self._endpoint.codec.decode(body, self._response_type)
        except DecodeError as error:
            raise ServerError(f"{self._endpoint.address}: not a message: {error}") from error

    def _last_headers(self) -> Mapping[str, str] | None:
        headers = dict(self._stream.headers or ())
        if self._stream.trailers is not None:
            return {**headers, **dict(self._stream.trailers)}
        # A call that is refused at once has its status in the only headers that come.
        return headers if "grpc-status" in headers or (headers and not self._cut_off) else None
