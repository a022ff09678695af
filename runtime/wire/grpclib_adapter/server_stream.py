"""The server's side of one call: its headers, messages and trailers."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from grpclib.const import Status
from grpclib.metadata import encode_grpc_message
from grpclib.protocol import Stream
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from ...errors import shortened
from .call_request import CallRequest
from .frame_writer import FrameWriter
from .h2_connection import ServerH2Connection

CONTENT_TYPE: Final = "application/grpc+proto"
"""Of every response."""

# Clients accept 8 KiB of headers and trailers by default, each with 32 bytes on top.
_MAX_MESSAGE_BYTES: Final = 6 * 1024


class ServerStream:
    """The server's side of one call.

    Attributes:
        request: the headers that began it.
        peer: the client's address, for the log.
        buffer: of `ServerProtocol.make_buffer`.
        writer: sends messages.
        release: removes the call from the connection.
    """

    def __init__(
        self,
        h2: ServerH2Connection,
        stream: Stream,
        request: CallRequest,
        release: Callable[[], None],
    ) -> None:
        self._h2 = h2
        self._stream = stream
        self.request = request
        self.buffer: Any = stream.buffer
        self.peer = peer_name(stream._transport.get_extra_info("peername"))
        self.writer = FrameWriter(stream)
        self._release = release
        self._has_headers = False

    def send_headers(self) -> None:
        """Send the headers, unless they are sent or the call is over."""
        if self._has_headers:
            return
        self._has_headers = True
        self._send([(":status", "200"), ("content-type", CONTENT_TYPE)])

    def release(self) -> None:
        """Forget the call; to be called once, when it has ended.

        What is left of it may view shared memory, and a watch refers to who answers the call.
        """
        self._release()
        self.writer.clear()
        self.buffer.end_watch()

    def send_status(
        self,
        status: Status,
        message: str | None,
        more: Sequence[tuple[str, str]] = (),
    ) -> None:
        """End the call, if it is not over. A long message is cut.

        Args:
            status: of the call.
            message: about an error.
            more: further trailers.
        """
        trailers: list[tuple[str, str]] = []
        if not self._has_headers:
            trailers += [(":status", "200"), ("content-type", CONTENT_TYPE)]
        trailers.append(("grpc-status", str(status.value)))
        if message is not None:
            trailers.append(("grpc-message", header_value(message)))
        trailers += more
        if self._is_open:
            assert self._stream.id is not None
            resets = status is not Status.OK
            end_stream(self._h2, self._stream.id, trailers, resets=resets)
            self._stream.connection.flush()

    @property
    def is_connected(self) -> bool:
        """Whether the connection of the call is open."""
        return not self._stream.connection.is_closing()

    @property
    def _is_open(self) -> bool:
        return (
            not self._stream.connection.is_closing()
            # h2 would open a stream that it does not know any more.
            and self._stream.id in self._h2.streams
        )

    def _send(self, headers: list[tuple[str, str]]) -> None:
        if self._is_open:
            assert self._stream.id is not None
            with suppress(ProtocolError):
                self._h2.send_headers(self._stream.id, headers)
            self._stream.connection.flush()


def peer_name(address: object) -> str:
    """Return the address of a socket's other end for the log."""
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "local"


def end_stream(
    h2: ServerH2Connection,
    stream_id: int,
    headers: list[tuple[str, str]],
    *,
    resets: bool = True,
) -> None:
    """Send the last headers of a stream, and unless the client has ended its side, reset it.

    RFC 9113, 8.1: a reset without an error asks the client to send no more.
    """
    with suppress(ProtocolError):
        h2.send_headers(stream_id, headers, end_stream=True)
        stream = h2.streams.get(stream_id)
        if resets and stream is not None and not stream.closed:
            h2.reset_stream(stream_id, ErrorCodes.NO_ERROR)


def header_value(message: str) -> str:
    """Return a message as grpc-message carries it, percent-encoded, cut to what clients accept."""
    encoded = encode_grpc_message(message)
    if len(encoded) <= _MAX_MESSAGE_BYTES:
        return encoded
    # A character may take twelve bytes. Fewer characters are tried until they fit.
    most = _MAX_MESSAGE_BYTES
    while len(encoded) > _MAX_MESSAGE_BYTES:
        encoded = encode_grpc_message(shortened(message, most))
        most = most * 3 // 4
    return encoded
