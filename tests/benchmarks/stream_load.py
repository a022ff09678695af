"""Many streams from one process, at a steady rate: `python -m ... JSON`, see `Load`.

It opens the streams, prints how long that took, and waits for a line on its standard input. Then it
sends chunks at their times, whether or not results have come, prints a line after the warm-up and
one when all is sent, and at last its figures. A client library would need more of a core than the
server that it loads, so this one writes prepared HTTP/2 frames, and only counts the messages that
come back.
"""

import heapq
import json
import math
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, NamedTuple

from hpack import Encoder

from runtime.wire import StreamResponse

from .grpc_clients import STREAM, audio_chunk, init
from .report import median, p99

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW_SETTING: Final = 4
_MOST_WINDOW: Final = 2**31 - 1
_READ_BYTES: Final = 256 * 1024
_OPENING: Final = 16  # streams that are being opened at once
_TICK_SECONDS: Final = 0.001
_LATE_SECONDS: Final = 30  # for the last results, and for a session to become ready


class Load(NamedTuple):
    """What to send.

    Attributes:
        ports: of the servers, which take the streams in turns.
        node_type: of the pipeline's one native node, whose last result of a chunk is the chunk.
        streams: how many.
        per_connection: at most so many streams on one HTTP/2 connection; each server has as many
            connections.
        size: of a chunk in bytes.
        period: seconds between two chunks of one stream.
        warm: seconds that are not measured.
        seconds: that are.
    """

    ports: Sequence[int]
    node_type: str
    streams: int
    per_connection: int
    size: int
    period: float
    warm: float
    seconds: float


@dataclass
class LoadFigures:
    """What was measured.

    Attributes:
        chunks: that were sent.
        done: of them, those whose result came before the last was sent.
        missing: of them, those without a result at the end.
        p50_ms, p99_ms, most_ms: from sending a chunk until its last result.
        late_ms: how late this process sent, at the 99th percentile.
        cpu_us: processor time of this process per chunk.
    """

    chunks: int
    done: int
    missing: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    late_ms: float
    cpu_us: float


class Connection:
    """One HTTP/2 connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.streams: dict[int, Stream] = {}
        self._encoder = Encoder()
        self._unsent = bytearray(_PREFACE)
        settings = struct.pack(">HI", _INITIAL_WINDOW_SETTING, _MOST_WINDOW)
        self._unsent += frame(_SETTINGS, 0, 0, settings)
        # Nothing is acknowledged: these windows last for a measurement.
        self._unsent += frame(_WINDOW, 0, 0, struct.pack(">I", _MOST_WINDOW - 65535))
        self._rest = b""

    def open_stream(self, load: Load) -> "Stream":
        """Begin a call, and its session."""
        number = 2 * len(self.streams) + 1
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", STREAM),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        self._unsent += frame(_HEADERS, _END_HEADERS, number, self._encoder.encode(headers))
        self._unsent += message_frame(number, init("native", load.node_type))
        stream = Stream(self, message_frame(number, audio_chunk(load.size)), load.size)
        self.streams[number] = stream
        return stream

    def add(self, data: bytes) -> None:
        """Queue bytes for `flush`."""
        self._unsent += data

    def flush(self) -> None:
        """Send what the socket takes."""
        if self._unsent:
            try:
                sent = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:sent]

    def read(self) -> None:
        """Take in what has arrived."""
        received = self.socket.recv(_READ_BYTES)
        if not received:
            sys.exit("the server has closed a connection")
        data = self._rest + received
        position, end, now = 0, len(data), time.perf_counter()
        while end - position >= 9:
            length = int.from_bytes(data[position : position + 3], "big")
            if position + 9 + length > end:
                break
            kind, flags = data[position + 3], data[position + 4]
            number = int.from_bytes(data[position + 5 : position + 9], "big")
            body = data[position + 9 : position + 9 + length]
            if kind == _DATA:
                self.streams[number].receive(body, now)
            elif kind in {_RESET, _GOAWAY} or (kind == _HEADERS and flags & _END_STREAM):
                sys.exit(f"a stream has ended: frame {kind}, {body!r}")
            elif kind in {_SETTINGS, _PING} and not flags & _ACK:
                self._unsent += frame(kind, _ACK, 0, body if kind == _PING else b"")
            position += 9 + length
        self._rest = data[position:]


class Stream:
    """One stream, of which only the messages with a whole chunk count."""

    def __init__(self, connection: Connection, chunk: bytes, size: int) -> None:
        self.connection = connection
        self.is_ready = False
        self.sent_at: deque[float] = deque()
        self.times: list[float] = []
        self._chunk = chunk
        self._size = size
        self._rest = b""

    def send(self) -> None:
        """Queue a chunk."""
        self.sent_at.append(time.perf_counter())
        self.connection.add(self._chunk)

    def receive(self, body: bytes, now: float) -> None:
        """Count the messages of a DATA frame."""
        body = self._rest + body
        position, end = 0, len(body)
        while end - position >= 5:
            length = int.from_bytes(body[position + 1 : position + 5], "big")
            if position + 5 + length > end:
                break
            position += 5
            if length >= self._size and self.is_ready:
                self.times.append(now - self.sent_at.popleft())
            elif not self.is_ready:
                self._read_response(body[position : position + length])
            position += length
        self._rest = body[position:]

    def _read_response(self, message: bytes) -> None:
        response = StreamResponse.parse(message)
        if response.error is not None:
            sys.exit(f"a session failed: {response.error.message}")
        self.is_ready = response.ready is not None


@dataclass
class Client:
    """All streams."""

    load: Load
    epoll: select.epoll
    connections: list[Connection] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)

    def turn(self, seconds: float) -> None:
        """Send what is queued, and take in what arrives within a time."""
        for connection in self.connections:
            connection.flush()
        for descriptor, _ in self.epoll.poll(seconds):
            self._by_descriptor[descriptor].read()

    def __post_init__(self) -> None:
        """Begin without a connection."""
        self._by_descriptor: dict[int, Connection] = {}

    def _connection(self) -> Connection:
        """Return the connection for the next stream; connect to the servers in turns."""
        ports = len(self.load.ports)
        most = ports * -(-self.load.streams // (ports * self.load.per_connection))
        number = len(self.streams) % most
        if number == len(self.connections):
            # Not all at once: a server closes connections that make no call.
            connection = Connection(self.load.ports[number % ports])
            self.connections.append(connection)
            self._by_descriptor[connection.socket.fileno()] = connection
            self.epoll.register(connection.socket, select.EPOLLIN)
        return self.connections[number]

    def open_streams(self) -> float:
        """Open all; return the seconds that it took."""
        began = time.perf_counter()
        for _ in range(self.load.streams):
            self.streams.append(self._connection().open_stream(self.load))
            self._wait_ready(at_most=_OPENING)
        self._wait_ready(at_most=0)
        return time.perf_counter() - began

    def _wait_ready(self, *, at_most: int) -> None:
        self.turn(0)
        deadline = time.perf_counter() + _LATE_SECONDS
        while sum(not each.is_ready for each in self.streams[-2 * _OPENING :]) > at_most:
            self.turn(_TICK_SECONDS)
            if time.perf_counter() > deadline:
                sys.exit(f"a session was not ready after {_LATE_SECONDS} s")

    def run(self, seconds: float) -> list[float]:
        """Send chunks at their times; return how late each was sent, in seconds."""
        lateness, period = [], self.load.period
        began = time.perf_counter()
        due = [
            (began + number * period / len(self.streams), number)
            for number in range(len(self.streams))
        ]
        while due[0][0] < began + seconds:
            now = time.perf_counter()
            while due[0][0] <= now:
                at, number = due[0]
                self.streams[number].send()
                lateness.append(now - at)
                heapq.heapreplace(due, (at + period, number))
            self.turn(min(max(0, due[0][0] - time.perf_counter()), _TICK_SECONDS))
        return lateness

    def wait_results(self) -> int:
        """Wait for the last results; return how many are missing."""
        deadline = time.perf_counter() + _LATE_SECONDS
        while (missing := sum(len(each.sent_at) for each in self.streams)) and (
            time.perf_counter() < deadline
        ):
            self.turn(_TICK_SECONDS)
        return missing

    def take_times(self) -> Iterator[float]:
        """Yield the times of all results, and forget them."""
        for each in self.streams:
            yield from each.times
            each.times = []


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """Return an HTTP/2 frame."""
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body


def message_frame(stream: int, message: bytes) -> bytes:
    """Return a DATA frame with one gRPC message, of less than 16 KiB."""
    return frame(_DATA, 0, stream, b"\0" + len(message).to_bytes(4, "big") + message)


def measure(client: Client, load: Load) -> LoadFigures:
    """Send chunks for the time of the warm-up, and for that of the measurement."""
    client.run(load.warm)
    list(client.take_times())
    print("warm", flush=True)
    cpu = time.process_time()
    lateness = client.run(load.seconds)
    cpu = time.process_time() - cpu
    times = list(client.take_times())
    print("sent", flush=True)
    done, missing = len(times), client.wait_results()
    times = [1e3 * each for each in (*times, *client.take_times())] or [math.inf, math.inf]
    return LoadFigures(
        chunks=len(lateness),
        done=done,
        missing=missing,
        p50_ms=median(times),
        p99_ms=p99(times),
        most_ms=max(times),
        late_ms=1e3 * p99(lateness),
        cpu_us=1e6 * cpu / len(lateness),
    )


def main(text: str) -> None:
    """Open the streams, and measure when asked to."""
    load = Load(**json.loads(text))
    with select.epoll() as epoll:
        client = Client(load, epoll)
        print(client.open_streams(), flush=True)
        if not sys.stdin.readline():
            return
        print(json.dumps(asdict(measure(client, load))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
