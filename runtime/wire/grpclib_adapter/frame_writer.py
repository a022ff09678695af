"""Writes the messages of a call as DATA frames, without h2.

h2 copies a payload three times on its way to the socket, and needs half the codec's time for each
frame. Here, a large payload goes to the socket from where it lies, and a small one is copied once,
together with the frame headers of nine bytes.
"""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from grpclib.protocol import Stream
from h2.stream import StreamState

from ..codec import Buffer
from .frame_reader import OPEN_CONNECTION

_SENDING: Final = (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)
# Bytes of one write. What the socket does not take at once is copied for asyncio.
_WRITTEN_BYTES: Final = 256 * 1024
# Others get a turn after so much of a large message: 0.2 to 0.3 ms. With 2 MiB they waited 1 to 1.5
# ms; 10 MB take a tenth more processor time in steps (27 November 2026, beside other load).
_STEP_BYTES: Final = 512 * 1024
# What is not longer is sent at once: in two steps, 1 MB takes a fifth more processor time.
_AT_ONCE_BYTES: Final = 2 * 1024 * 1024
# Less is joined: a copy of so little costs no more than the pieces do.
_WRITTEN_WHOLE_BYTES: Final = 32 * 1024
_IOV_MAX: Final = 1024  # Linux's UIO_MAXIOV


class StreamEndedError(Exception):
    """An HTTP/2 stream that has ended, or whose connection is closed."""


class FrameWriter:
    """Sends the messages of one call as the windows of the peer allow."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._closed = False
        self._h2: Any = stream._h2_connection
        self._buffers: deque[Buffer] = deque()
        self._offset = 0  # bytes of the first buffer that are sent
        self._left = 0
        self._descriptor = _plain_descriptor(stream._transport)

    @property
    def is_empty(self) -> bool:
        """Whether everything is sent."""
        return not self._left

    def add(self, buffers: Iterable[Buffer]) -> None:
        """Add buffers to the end of the queue. They must not change until they are sent."""
        for buffer in buffers:
            self._buffers.append(buffer)
            self._left += len(buffer)

    @property
    def left(self) -> int:
        """How many bytes are not sent yet."""
        return self._left

    def clear(self) -> None:
        """Drop everything that is not sent yet."""
        self._buffers.clear()
        self._offset = self._left = 0

    def close(self) -> None:
        """End the writer: a task that waits to send raises StreamEndedError."""
        self._closed = True
        self._stream.window_updated.set()

    def try_send(self) -> None:
        """Send as much as is possible without waiting, of a large message only one step.

        Raises:
            StreamEndedError: the call is over.
        """
        rest = self._left - _STEP_BYTES if self._left > _AT_ONCE_BYTES else 0
        while self._left > rest:
            room = self.room()
            if room <= 0:
                break
            self.write(min(room, self._left, _WRITTEN_BYTES))

    def try_write(self, buffers: Sequence[Buffer], size: int) -> bool:
        """Write buffers of `size` bytes at once if there is room for all; return whether they were.

        Raises:
            StreamEndedError: the call is over.
        """
        if self._left or size > _WRITTEN_BYTES or self.room() < size:
            return False
        if size <= self._h2.max_outbound_frame_size:
            self._write(size, (self._header(size), *buffers))
        else:
            self.add(buffers)
            self.write(size)
        return True

    async def send_as_allowed(self) -> None:
        """Send all, and wait where the peer's windows or the socket are full. Runs on asyncio.

        Raises:
            StreamEndedError: the call is over.
        """
        window_updated = self._stream.window_updated
        while self._left:
            if self.room() <= 0:
                window_updated.clear()
                await window_updated.wait()
            self.try_send()
            if self._left:
                await asyncio.sleep(0)

    def room(self) -> int:
        """Return how many bytes can be sent without waiting; a window may be negative.

        Raises:
            StreamEndedError: the call is over.
        """
        h2, stream_id = self._h2, self._stream.id
        http2_stream = h2.streams.get(stream_id)
        if (
            self._closed
            or http2_stream is None
            or http2_stream.state_machine.state not in _SENDING
            or h2.state_machine.state not in OPEN_CONNECTION
            or self._stream._transport.is_closing()
        ):
            raise StreamEndedError("the call is over")
        if not self._stream.connection.write_ready.is_set():
            return 0
        room: int = min(h2.outbound_flow_control_window, http2_stream.outbound_flow_control_window)
        return room

    def write(self, size: int) -> None:
        """Write the next `size` bytes, for which `room` has shown that there is room."""
        self._write(size, self._frames(size))

    def _write(self, size: int, frames: Iterable[Buffer]) -> None:
        h2, connection = self._h2, self._stream.connection
        http2_stream = h2.streams[self._stream.id]
        h2.outbound_flow_control_window -= size
        http2_stream.outbound_flow_control_window -= size
        # Frames that h2 has prepared before, such as headers, go first.
        pieces = [h2.data_to_send(), *frames]
        if size >= _WRITTEN_WHOLE_BYTES:
            self._write_pieces(pieces)
        else:
            self._stream._transport.write(b"".join(pieces))
        connection.data_send_process()

    def _write_pieces(self, pieces: list[Buffer]) -> None:
        """Write what the socket takes at once without a copy, and the rest with one."""
        transport, written = self._stream._transport, 0
        # The descriptor of a connection that is closing may belong to another one.
        is_free = not transport.is_closing() and not transport.get_write_buffer_size()
        if self._descriptor is not None and is_free:
            with suppress(OSError):  # the transport meets it too, and handles it
                written = os.writev(self._descriptor, pieces[:_IOV_MAX])
        rest: list[Buffer] = []
        for piece in pieces:
            if written < len(piece):
                rest.append(memoryview(piece)[written:] if written else piece)
            written = max(written - len(piece), 0)
        if rest:
            # Newer asyncio keeps what it is given, and the payload may change from now on.
            transport.write(b"".join(rest))

    def _frames(self, size: int) -> Iterable[Buffer]:
        """Yield the pieces of the next frames, with `size` bytes of payload."""
        most = self._h2.max_outbound_frame_size
        while size:
            length = min(size, most)
            yield self._header(length)
            yield from self._take(length)
            size -= length

    def _header(self, length: int) -> bytes:
        """Return the header of a DATA frame without flags."""
        stream_id = self._stream.id
        assert stream_id is not None
        return length.to_bytes(3, "big") + b"\0\0" + stream_id.to_bytes(4, "big")

    def _take(self, size: int) -> Iterable[Buffer]:
        self._left -= size
        while size:
            first, offset = self._buffers[0], self._offset
            length = len(first) - offset
            if length <= size:
                yield memoryview(first)[offset:] if offset else first
                self._buffers.popleft()
                self._offset = 0
                size -= length
            else:
                yield memoryview(first)[offset : offset + size]
                self._offset += size
                size = 0


def _plain_descriptor(transport: asyncio.Transport) -> int | None:
    """Return the descriptor of a connection without TLS; None for one with it."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    sock = transport.get_extra_info("socket")
    return None if sock is None else sock.fileno()
