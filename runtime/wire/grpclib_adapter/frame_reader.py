"""Reads a connection frame by frame, and handles the frames of running streams without h2.

Nearly all frames are DATA and WINDOW_UPDATE without flags. For each, h2 makes three copies, several
objects and an unused log text with the bytes in hexadecimal. That took more than half of the time
that the server spent on 20 ms of audio. So a frame that can have one meaning only is applied to
h2's state here. h2 gets all other frames, in their order.
"""

import struct
import time
from collections.abc import Callable
from typing import Any, Final

from grpclib.protocol import H2Protocol
from h2.connection import ConnectionState
from h2.stream import StreamState

_HEADER_BYTES: Final = 9
_read_header: Final = struct.Struct(">BHBBI").unpack_from
_PREAMBLE_BYTES: Final = 24  # RFC 9113, 3.4
_DATA: Final = 0
_HEADERS: Final = 1
_GOAWAY: Final = 7
_WINDOW_UPDATE: Final = 8
_CONTINUATION: Final = 9
_HANDLED: Final = (_DATA, _WINDOW_UPDATE)
_END_HEADERS: Final = 4
_MOST_WINDOW: Final = 2**31 - 1
# h2 enters the state CLIENT_OPEN if the first frame is one of RFC 7838.
OPEN_CONNECTION: Final = (ConnectionState.SERVER_OPEN, ConnectionState.CLIENT_OPEN)
# Tuples, since a set would call the hash function of h2's states, which is written in Python.
_RECEIVING: Final = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)
_LIVING: Final = (*_RECEIVING, StreamState.HALF_CLOSED_REMOTE)
# Larger pieces are views of the bytes that were read. Smaller ones are copied, so that a piece that
# waits for its reader keeps at most four times its size in memory.
_VIEWED_BYTES: Final = 64 * 1024


class FrameTooLongError(Exception):
    """A frame that is longer than allowed."""


class FrameReader:
    """Reads one connection.

    Attributes:
        is_last: whether the client has announced that it starts no more calls.

    Args:
        protocol: grpclib's protocol of the connection, after `connection_made`.
        pass_on: receives whole frames for h2.
        most_bytes: the most bytes of a frame.
    """

    def __init__(
        self, protocol: H2Protocol, pass_on: Callable[[bytes], None], *, most_bytes: int
    ) -> None:
        self.is_last = False
        self._h2: Any = protocol.connection._connection
        self._connection = protocol.connection
        self._streams = protocol.processor.streams
        self._pass_on = pass_on
        self._most_bytes = most_bytes
        self._preamble_left = _PREAMBLE_BYTES
        self._rest = b""
        self._in_headers = False
        # The stream of the current DATA frame, and how many of its bytes are missing.
        self._stream_id = 0
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Handle the next bytes.

        Raises:
            FrameTooLongError: a frame is longer than allowed.
        """
        self._connection.last_data_received = time.monotonic()
        position = self._take_payload(data, 0) if self._left else 0
        if self._preamble_left:
            position = min(self._preamble_left, len(data))
            self._preamble_left -= position
            self._pass_on(data[:position])
        if self._rest:
            data, position = self._rest + data[position:], 0
            self._rest = b""
        self._read_frames(data, position)

    def _read_frames(self, data: bytes, position: int) -> None:
        passed, end = position, len(data)
        while end - position >= _HEADER_BYTES and not self._connection.is_closing():
            begin = position + _HEADER_BYTES
            high, low, kind, flags, stream_id = _read_header(data, position)
            length = high << 16 | low
            if length > self._most_bytes:
                raise FrameTooLongError
            if not flags and kind in _HANDLED and not self._in_headers:
                if passed < position:
                    self._pass_on(data[passed:position])
                    passed = position
                if kind == _DATA and self._starts_data(stream_id, length):
                    position = passed = self._take_payload(data, begin)
                    continue
                if kind == _WINDOW_UPDATE and begin + length <= end and length == 4:
                    increment = int.from_bytes(data[begin : begin + 4], "big")
                    if self._opens_window(stream_id, increment):
                        position = passed = begin + 4
                        continue
            if begin + length > end:
                break
            if kind in {_HEADERS, _CONTINUATION}:
                self._in_headers = not flags & _END_HEADERS
            elif kind == _GOAWAY and self._is_graceful_goaway(data[position : begin + length]):
                if passed < position:
                    self._pass_on(data[passed:position])
                passed = begin + length
            position = begin + length
        if passed < position:
            self._pass_on(data[passed:position])
        self._rest = data[position:]

    def _is_graceful_goaway(self, frame: bytes) -> bool:
        """Handle a GOAWAY after which calls go on (RFC 9113, 6.8); h2 would end them."""
        error_code = frame[_HEADER_BYTES + 4 : _HEADER_BYTES + 8]
        on_connection = frame[5:_HEADER_BYTES] == bytes(4) and not self._in_headers
        if not (on_connection and error_code == bytes(4) and self._streams):
            return False
        self.is_last = True
        return True

    def _starts_data(self, stream_id: int, length: int) -> bool:
        """Apply the start of a DATA frame to h2's state; return False if h2 must handle it."""
        h2, stream = self._h2, self._h2.streams.get(stream_id)
        if (
            stream is None
            or not length
            or stream.state_machine.state not in _RECEIVING
            or h2.state_machine.state not in OPEN_CONNECTION
            or stream._expected_content_length is not None
        ):
            return False
        own = stream._inbound_window_manager
        shared = h2._inbound_flow_control_window_manager
        if length > min(own.current_window_size, shared.current_window_size):
            return False
        own.window_consumed(length)
        shared.window_consumed(length)
        self._stream_id, self._left = stream_id, length
        return True

    def _take_payload(self, data: bytes, begin: int) -> int:
        """Add the available payload of the current DATA frame to its call; return its end."""
        stop = min(begin + self._left, len(data))
        size = stop - begin
        if not size:
            return stop
        self._left -= size
        stream = self._streams.get(self._stream_id)
        if stream is None:  # its call has ended
            self._connection.ack(self._stream_id, size)
        else:
            is_large = size >= _VIEWED_BYTES
            piece = memoryview(data)[begin:stop] if is_large else data[begin:stop]
            stream.buffer.add(piece, size)  # type: ignore[arg-type]  # our buffer takes views too
        return stop

    def _opens_window(self, stream_id: int, increment: int) -> bool:
        """Apply a WINDOW_UPDATE to h2's state; return False if h2 must handle it."""
        h2 = self._h2
        if h2.state_machine.state not in OPEN_CONNECTION:
            return False
        if not stream_id:
            before = h2.outbound_flow_control_window
            if not 0 < increment <= _MOST_WINDOW - max(before, 0):
                return False
            h2.outbound_flow_control_window = before + increment
            if before <= 0:  # otherwise no call waits for this window
                for each in self._streams.values():
                    each.window_updated.set()
            return True
        stream, call = h2.streams.get(stream_id), self._streams.get(stream_id)
        if stream is None or call is None or stream.state_machine.state not in _LIVING:
            return False
        before = stream.outbound_flow_control_window
        if not 0 < increment <= _MOST_WINDOW - max(before, 0):
            return False
        stream.outbound_flow_control_window = before + increment
        call.window_updated.set()
        return True
