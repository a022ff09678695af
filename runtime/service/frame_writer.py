"""One call's messages on their way out, as frames that are made here, past h2.

h2 copies a payload three times on the way to the socket, and takes half the time of the codec for
each frame. These frames are headers of nine bytes and the payload, which are copied once.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import h2.exceptions
from grpclib.protocol import Stream
from h2.stream import StreamState

from ..wire.codec import Buffer
from .frame_reader import OPEN_CONNECTION

_SENDING: Final = frozenset({StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE})
# What is handed to the socket at a time. What that does not take at once is copied again.
_WRITTEN_BYTES: Final = 256 * 1024
# Then everybody else has a turn.
_AT_ONCE_BYTES: Final = 2 * 1024 * 1024


class FrameWriter:
    """Sends what it was given as the client's windows allow."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._h2: Any = stream._h2_connection
        self._buffers: deque[Buffer] = deque()
        self._offset = 0  # what is sent of the first buffer
        self._left = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything was sent."""
        return not self._left

    def add(self, buffers: Iterable[Buffer]) -> None:
        """Add what is to be sent behind what is left. It may not change until it is."""
        for buffer in buffers:
            self._buffers.append(buffer)
            self._left += len(buffer)

    def try_send(self) -> None:
        """Send as much as the windows allow without waiting, but not so much that others wait.

        Raises:
            h2.exceptions.ProtocolError: the call is over.
        """
        connection, most = self._stream.connection, max(self._left - _AT_ONCE_BYTES, 0)
        while self._left > most and connection.write_ready.is_set():
            room = self._room()
            if room <= 0:
                break
            size = min(room, self._left, _WRITTEN_BYTES)
            h2_stream = self._h2.streams[self._stream.id]
            self._h2.outbound_flow_control_window -= size
            h2_stream.outbound_flow_control_window -= size
            # What h2 still has to say was said before this.
            said = self._h2.data_to_send()
            self._stream._transport.write(b"".join([said, *self._frames(size)]))
            connection.data_send_process()

    async def send_as_allowed(self) -> None:
        """Send all, as the client's windows allow it: on asyncio, where grpclib's events are.

        Raises:
            h2.exceptions.ProtocolError: the call is over.
        """
        stream = self._stream
        while self._left:
            await stream.connection.write_ready.wait()
            if self._room() <= 0:
                stream.window_updated.clear()
                await stream.window_updated.wait()
            self.try_send()
            if self._left:
                await asyncio.sleep(0)

    def _room(self) -> int:
        """Return how much the client's windows take."""
        stream_id = self._stream.id
        room: int = self._h2.local_flow_control_window(stream_id)
        if (
            self._stream._transport.is_closing()
            or self._h2.state_machine.state not in OPEN_CONNECTION
            or self._h2.streams[stream_id].state_machine.state not in _SENDING
        ):
            raise h2.exceptions.ProtocolError("the call is over")
        return room

    def _frames(self, size: int) -> Iterable[Buffer]:
        """Give the next frames, with `size` bytes of payload in all."""
        most = self._h2.max_outbound_frame_size
        stream_id = self._stream.id
        assert stream_id is not None
        end_of_header = b"\0\0" + stream_id.to_bytes(4, "big")  # DATA, without flags
        while size:
            length = min(size, most)
            yield length.to_bytes(3, "big") + end_of_header
            yield from self._taken(length)
            size -= length

    def _taken(self, size: int) -> Iterable[Buffer]:
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
