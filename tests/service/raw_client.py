"""A client that decides over every byte: what grpcio hides, or would never do."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.service.messages import message_class

SECONDS = 30.0
STREAM_PIPELINE = "/remotemedia.v1.StreamingPipelineService/StreamPipeline"
GET_VERSION = "/remotemedia.v1.PipelineExecutionService/GetVersion"


def frame(message: Any, *, compressed: bool = False) -> bytes:
    """Return a message, or bytes, as gRPC frames it."""
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return struct.pack(">?I", compressed, len(body)) + body


def headers_of(event: h2.events.ResponseReceived | h2.events.TrailersReceived) -> dict[str, str]:
    return {str(name): str(value) for name, value in event.headers}


class RawClient:
    """One HTTP/2 connection.

    Attributes:
        connection: h2's state of it.
        trailers: of each stream that ended with some.
        pings: how many the server has sent.
        resets: the streams that it has reset.
        goaway: the error code of its GOAWAY; None before.
    """

    def __init__(self, sock: socket.socket, *, window: int) -> None:
        self.socket = sock
        self._data: dict[int, bytearray] = {}
        self._responses: dict[int, list[Any]] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.pings = 0
        self.resets: set[int] = set()
        self.goaway: int | None = None
        self._paused: set[int] = set()
        self._owed: dict[int, int] = {}
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.connection.increment_flow_control_window(2**30)
        self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()

    def flush(self) -> None:
        """Send what h2 wants to send."""
        self.socket.sendall(self.connection.data_to_send())

    def call(self, path: str, *bodies: bytes, end: bool = False, **headers: str) -> int:
        """Start a call; return its stream's id."""
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, self.headers(path, **headers))
        self.flush()
        for body in bodies:
            self.send(stream, body)
        if end:
            self.end(stream)
        return stream

    def headers(self, path: str, **headers: str) -> list[tuple[str, str]]:
        """Return a call's headers; in the names given, underscores stand for hyphens."""
        fixed = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "test",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return [*{**fixed, **more}.items()]

    def send(self, stream: int, body: bytes | memoryview, *, pad: int | None = None) -> None:
        """Send bytes of a stream, whatever they are, as one DATA frame or more."""
        size = self.connection.max_outbound_frame_size - 300
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            while self.connection.local_flow_control_window(stream) < len(piece) + 300:
                self._take_in()
            self.connection.send_data(stream, piece, pad_length=pad)
        self.flush()

    def send_allowed(self, stream: int, body: memoryview) -> int:
        """Send as much of the bytes as the window allows; return how much it was."""
        allowed = min(self.connection.local_flow_control_window(stream), len(body))
        size = self.connection.max_outbound_frame_size
        for start in range(0, allowed, size):
            self.connection.send_data(stream, body[start : min(start + size, allowed)])
            self.flush()
        return allowed

    def end(self, stream: int) -> None:
        """Half-close a stream."""
        self.connection.end_stream(stream)
        self.flush()

    def pause(self, stream: int) -> None:
        """Give the server no more window for a stream than it has."""
        self._paused.add(stream)

    def resume(self, stream: int) -> None:
        """Give the window back."""
        self._paused.discard(stream)
        self.connection.acknowledge_received_data(self._owed.pop(stream, 0), stream)
        self.flush()

    def read_until(self, wanted: Callable[[], object], *, answer: bool = True) -> None:
        """Read until something is so; acknowledge what asks for it, or leave that to later."""
        while not wanted():
            self._take_in(answer=answer)

    def read_to_end(self, stream: int) -> list[Any]:
        """Read a stream to its trailers; return its StreamResponses."""
        self.read_until(lambda: stream in self.trailers)
        return self.responses(stream)

    def responses(self, stream: int, kind: str = "StreamResponse") -> list[Any]:
        """Return the whole messages that have come so far."""
        found = self._responses.setdefault(stream, [])
        found += (message_class(kind).FromString(body) for body in self._bodies(stream))
        return found

    def received(self, stream: int) -> int:
        """Return how many bytes of a stream have come that are not taken out yet."""
        return len(self._data.get(stream, b""))

    def status(self, stream: int) -> int:
        """Return the status that a stream has ended with."""
        self.read_until(lambda: stream in self.trailers)
        return int(self.trailers[stream]["grpc-status"])

    def _bodies(self, stream: int) -> Iterator[bytes]:
        """Take the whole messages out of what has come."""
        data = self._data.get(stream, bytearray())
        while len(data) >= 5:
            end = 5 + int.from_bytes(data[1:5], "big")
            if end > len(data):
                return
            yield bytes(data[5:end])
            del data[:end]

    def _take_in(self, *, answer: bool = True) -> None:
        received = self.socket.recv(65536)
        if not received:
            raise EOFError("the server has closed the connection")
        for event in self.connection.receive_data(received):
            if isinstance(event, h2.events.DataReceived):
                self._take_data(event)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = headers_of(event)
            elif isinstance(event, h2.events.ResponseReceived):
                headers = headers_of(event)
                if "grpc-status" in headers or headers[":status"] != "200":
                    self.trailers[event.stream_id] = headers
            elif isinstance(event, h2.events.PingReceived):
                self.pings += 1
            elif isinstance(event, h2.events.StreamReset):
                self.resets.add(event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = int(event.error_code or 0)
                raise EOFError("the server has said GOAWAY")
        if answer:
            self.flush()

    def _take_data(self, event: h2.events.DataReceived) -> None:
        stream, size = event.stream_id, event.flow_controlled_length
        self._data.setdefault(stream, bytearray()).extend(event.data)
        if stream in self._paused:
            self._owed[stream] = self._owed.get(stream, 0) + size
        elif event.stream_ended is None:
            self.connection.acknowledge_received_data(size, stream)


@contextmanager
def raw_client(port: int, *, window: int = 65535) -> Iterator[RawClient]:
    """Connect for as long as the block lasts.

    Args:
        port: on this machine.
        window: what the server may send ahead on each stream, in bytes.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as sock:
        client = RawClient(sock, window=window)
        # All of the server's settings have come, and are acknowledged with what is sent first.
        client.read_until(lambda: client.connection.max_outbound_frame_size > 2**14, answer=False)
        yield client
