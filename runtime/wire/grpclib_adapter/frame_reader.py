"""A connection's bytes, frame by frame: the frames of running streams are read here, past h2.

Nearly all that comes in are DATA and WINDOW_UPDATE frames without flags. h2 makes three copies of
each, several objects, and a text for a log that nobody reads (its bytes in hexadecimal), which took
more than half the time that the server spent on 20 ms of audio. So where such a frame can have one
meaning only, it is carried out on h2's own state; everything else is h2's, in its order.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from grpclib.protocol import H2Protocol
from h2.connection import ConnectionState
from h2.stream import StreamState

_HEADER_BYTES: Final = 9
_PREAMBLE_BYTES: Final = 24  # RFC 9113, 3.4
_DATA: Final = 0
_HEADERS: Final = 1
_GOAWAY: Final = 7
_WINDOW_UPDATE: Final = 8
_CONTINUATION: Final = 9
_END_HEADERS: Final = 4
_MOST_WINDOW: Final = 2**31 - 1
# h2 takes itself for a client where the first that comes is a frame of RFC 7838.
OPEN_CONNECTION: Final = frozenset({ConnectionState.SERVER_OPEN, ConnectionState.CLIENT_OPEN})
_RECEIVING: Final = frozenset({StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL})
_LIVING: Final = _RECEIVING | {StreamState.HALF_CLOSED_REMOTE}
# Larger pieces are views of what was read; smaller ones are copied, so that none that waits for its
# reader keeps more than four times its size alive.
_VIEWED_BYTES: Final = 64 * 1024


class FrameTooLongError(Exception):
    """A frame is longer than allowed."""


class FrameReader:
    """Reads one connection.

    Attributes:
        is_last: whether the client begins no more calls, and closes when those that run have ended.

    Args:
        protocol: grpclib's end of the connection, made.
        pass_on: takes whole frames for h2.
        most_bytes: of one frame.
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
        # Of a DATA frame that has begun: whose it is, and how much of it is still to come.
        self._stream_id = 0
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Take in what came.

        Raises:
            FrameTooLongError: one is longer than allowed.
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
            length = int.from_bytes(data[position : position + 3], "big")
            if length > self._most_bytes:
                raise FrameTooLongError
            kind, flags = data[position + 3], data[position + 4]
            if not flags and kind in {_DATA, _WINDOW_UPDATE} and not self._in_headers:
                if passed < position:
                    self._pass_on(data[passed:position])
                    passed = position
                stream_id = int.from_bytes(data[position + 5 : begin], "big")
                if kind == _DATA and self._begins_data(stream_id, length):
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
            elif kind == _GOAWAY and self._lets_calls_end(data[position : begin + length]):
                if passed < position:
                    self._pass_on(data[passed:position])
                passed = begin + length
            position = begin + length
        if passed < position:
            self._pass_on(data[passed:position])
        self._rest = data[position:]

    def _lets_calls_end(self, frame: bytes) -> bool:
        """Take note of a goodbye after which calls go on (RFC 9113, 6.8); h2 would cut them off."""
        error_code = frame[_HEADER_BYTES + 4 : _HEADER_BYTES + 8]
        on_connection = frame[5:_HEADER_BYTES] == bytes(4) and not self._in_headers
        if not (on_connection and error_code == bytes(4) and self._streams):
            return False
        self.is_last = True
        return True

    def _begins_data(self, stream_id: int, length: int) -> bool:
        """Enter a frame of DATA into h2's books, if it can only be what it looks like."""
        h2, stream = self._h2, self._h2.streams.get(stream_id)
        if (
            stream is None
            or not length
            or stream.state_machine.state not in _RECEIVING
            or h2.state_machine.state not in OPEN_CONNECTION
            or stream._expected_content_length is not None
        ):
            return False
        ours = stream._inbound_window_manager
        everyone_s = h2._inbound_flow_control_window_manager
        if length > min(ours.current_window_size, everyone_s.current_window_size):
            return False
        ours.window_consumed(length)
        everyone_s.window_consumed(length)
        self._stream_id, self._left = stream_id, length
        return True

    def _take_payload(self, data: bytes, begin: int) -> int:
        """Hand on what there is of the DATA frame that has begun; return where it stops."""
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
            stream.buffer.add(piece, size)  # type: ignore[arg-type]  # ours takes views too
        return stop

    def _opens_window(self, stream_id: int, increment: int) -> bool:
        """Enter a WINDOW_UPDATE into h2's books, if it can only be what it looks like."""
        h2 = self._h2
        if h2.state_machine.state not in OPEN_CONNECTION:
            return False
        if not stream_id:
            before = h2.outbound_flow_control_window
            if not 0 < increment <= _MOST_WINDOW - max(before, 0):
                return False
            h2.outbound_flow_control_window = before + increment
            if before <= 0:  # else nobody waits for this window
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
