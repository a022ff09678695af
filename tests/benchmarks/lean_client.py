"""A client of one echo stream that needs little processor time: HTTP/2 on a bare socket.

grpcio's client needs more for a message than a server here, so that on two cores it bounds the
rate. This one encodes a message once, sends it as often as the server's windows allow, and reads
only the lengths of the answers.
"""

import select
import socket
import struct
import time
from collections import deque
from typing import Final

import hpack

from .grpc_clients import STREAM, init

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW, _MAX_FRAME = 4, 5
_MOST_WINDOW: Final = 2**31 - 1
_DEFAULT_WINDOW: Final = 65535
# Bytes after which the server gets as much room again; small beside the window.
_GRANTED: Final = 2**28
_HEADER_BYTES: Final = 9
_PREFIX_BYTES: Final = 5
_READ_BYTES: Final = 2**20
_WRITTEN_BYTES: Final = 2**18
_FRAME_BYTES: Final = 2**17
_STREAM_ID: Final = 1


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream_id) + payload


class LeanStream:
    """One stream; the session of its first message runs one native node that echoes.

    Args:
        port: of a server on this host.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._most_frame = 16384
        self._initial = self._room = self._shared_room = _DEFAULT_WINDOW
        self._rest = b""
        self._data_left = self._message_left = self._ungranted = 0
        self._prefix = b""
        self._least = self._answered = 0
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": STREAM,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        settings = struct.pack(">HIHI", _INITIAL_WINDOW, _MOST_WINDOW, _MAX_FRAME, 2**20)
        self._control = _PREFACE + _frame(_SETTINGS, 0, 0, settings)
        self._control += _window_update(0, _MOST_WINDOW - _DEFAULT_WINDOW)
        headers = hpack.Encoder().encode(fields.items())
        self._control += _frame(_HEADERS, _END_HEADERS, _STREAM_ID, headers)
        self._exchange(init("native"), 0, 1)

    def throughput(self, message: bytes, size: int, count: int) -> float:
        """Send a message many times, without waiting; return messages a second.

        Args:
            message: encoded.
            size: of an answer, at least: others are not counted.
            count: how many.
        """
        began = time.perf_counter()
        self._exchange(message, size, count)
        return count / (time.perf_counter() - began)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _exchange(self, message: bytes, size: int, count: int) -> None:
        frames = self._frames(message)
        due: deque[bytes] = deque()
        self._least, self._answered, out = size, 0, memoryview(b"")
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        left = count
        while self._answered < count:
            if not out:
                while left and len(due) * len(frames[0]) < _WRITTEN_BYTES:
                    due.extend(frames)
                    left -= 1
                out = memoryview(self._next(due))
            poll.modify(self._socket, select.POLLIN | (select.POLLOUT if out else 0))
            [(_, events)] = poll.poll()
            if events & select.POLLIN:
                data = self._socket.recv(_READ_BYTES)
                if not data:
                    raise ConnectionError("the server has closed the connection")
                self._feed(data)
            if events & select.POLLOUT:
                out = out[self._socket.send(out) :]

    def _frames(self, message: bytes) -> list[bytes]:
        body = b"\0" + struct.pack(">I", len(message)) + message
        most = min(self._most_frame, _FRAME_BYTES)
        parts = (body[at : at + most] for at in range(0, len(body), most))
        return [_frame(_DATA, 0, _STREAM_ID, part) for part in parts]

    def _next(self, due: deque[bytes]) -> bytes:
        """Return what is sent next: answers to frames, and as much data as there is room for."""
        pieces, size, self._control = [self._control], 0, b""
        while due and size < _WRITTEN_BYTES:
            length = len(due[0]) - _HEADER_BYTES
            if length > min(self._room, self._shared_room):
                break
            self._room -= length
            self._shared_room -= length
            size += length
            pieces.append(due.popleft())
        return b"".join(pieces)

    def _feed(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        while True:
            if self._data_left:
                end = min(at + self._data_left, len(data))
                self._data_left -= end - at
                self._count(data, at, end)
                at = end
            if len(data) - at < _HEADER_BYTES:
                break
            head, flags, stream_id = struct.unpack_from(">IBI", data, at)
            length, kind, begin = head >> 8, head & 255, at + _HEADER_BYTES
            if kind == _DATA:
                self._data_left, at = length, begin
                self._ungranted += length
                continue
            if len(data) - begin < length:
                break
            self._handle(kind, flags, stream_id, data[begin : begin + length])
            at = begin + length
        self._rest = data[at:]
        if self._ungranted > _GRANTED:
            for stream_id in (0, _STREAM_ID):
                self._control += _window_update(stream_id, self._ungranted)
            self._ungranted = 0

    def _count(self, data: bytes, at: int, end: int) -> None:
        """Count the messages in the data of a frame, or in a part of it."""
        while at < end:
            if self._message_left:
                step = min(self._message_left, end - at)
                self._message_left -= step
                at += step
                continue
            missing = _PREFIX_BYTES - len(self._prefix)
            self._prefix += data[at : min(at + missing, end)]
            at += missing
            if len(self._prefix) == _PREFIX_BYTES:
                self._message_left = int.from_bytes(self._prefix[1:], "big")
                self._answered += self._message_left >= self._least
                self._prefix = b""

    def _handle(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == _INITIAL_WINDOW:
                    self._room += value - self._initial
                    self._initial = value
                elif name == _MAX_FRAME:
                    self._most_frame = value
            self._control += _frame(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self._control += _frame(_PING, _ACK, 0, payload)
        elif kind == _WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream_id:
                self._room += more
            else:
                self._shared_room += more
        elif kind in {_RESET, _GOAWAY} or (kind == _HEADERS and flags & _END_STREAM):
            raise ConnectionError("the server has ended the stream")


def _window_update(stream_id: int, more: int) -> bytes:
    return _frame(_WINDOW_UPDATE, 0, stream_id, struct.pack(">I", more))
