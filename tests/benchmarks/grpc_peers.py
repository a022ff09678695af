"""A stream through one native node, against servers that a user would write with grpcio.

Those decode each request and encode each response with protobuf (upb). All servers have the same
clients, which count responses and decode none: grpcio's, and one that needs so little processor
time that the server alone bounds the rate. The servers take turns, and the processor time is that
of the server's process, of all its threads.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from .grpc_clients import STREAM, EchoStream, audio_chunk, server
from .lean_client import LeanStream
from .report import Report, median, p99

TURNS: Final = 15
# Bytes, round trips of a turn, messages of a turn's throughput.
SIZES: Final = ((640, 300, 3000), (65536, 150, 800), (1024 * 1024, 20, 60))
OURS: Final = "Millrace"
PEER: Final = "grpc.aio"
SERVERS: Final[Mapping[str, str]] = {
    OURS: "grpc_server",
    PEER: "rivals.grpc_aio_echo",
    "grpcio, threads": "rivals.grpc_threads_echo",
}
COLUMNS: Final = (
    "",
    "round trip us",
    "p99",
    "processor us",
    f"/ {PEER}",
    "messages / s",
    "processor us",
    "client's us",
    f"/ {PEER}",
)
LEAN_COLUMNS: Final = ("", "messages / s", "processor us", f"/ {PEER}")


class Turn(NamedTuple):
    """One server's figures in one turn.

    Attributes:
        trip: the median of a round trip, in microseconds.
        tail: its 99th percentile.
        trip_processor: the processor time of the server for a round trip, in microseconds.
        rate: messages per second without waiting for answers.
        rate_processor: the processor time of the server for one of them, in microseconds.
        client_processor: that of the client for one of them; it bounds the rate.
        lean_rate: as `rate`, with the lean client.
        lean_processor: as `rate_processor`, with the lean client.
    """

    trip: float
    tail: float
    trip_processor: float
    rate: float
    rate_processor: float
    client_processor: float
    lean_rate: float
    lean_processor: float


class Contender:
    """One server with its streams, of which one works at a time."""

    def __init__(self, port: int, pid: int) -> None:
        self.stream = EchoStream(port, STREAM)
        self._lean = LeanStream(port)
        self._pid = pid
        self.stream.open_session()

    def close(self) -> None:
        """End the streams."""
        self.stream.close()
        self._lean.close()

    def processor_microseconds(self) -> float:
        """Return the processor time of the server so far."""
        schedules = Path(f"/proc/{self._pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in schedules) / 1e3

    def turn(self, size: int, rounds: int, count: int) -> Turn:
        """Measure round trips and throughput with messages of one size."""
        message = audio_chunk(size)
        began = self.processor_microseconds()
        trips = [self.stream.round_trip(message, size) for _ in range(rounds)]
        between, client = self.processor_microseconds(), time.process_time()
        rate = self.stream.throughput(message, size, count)
        ended, client = self.processor_microseconds(), time.process_time() - client
        lean_rate = self._lean.throughput(message, size, count)
        lean = self.processor_microseconds() - ended
        return Turn(
            median(trips),
            p99(trips),
            (between - began) / rounds,
            rate,
            (ended - between) / count,
            1e6 * client / count,
            lean_rate,
            lean / count,
        )


@contextmanager
def contenders(servers: Mapping[str, str]) -> Iterator[dict[str, Contender]]:
    """Start all servers, and open a stream to each."""
    with ExitStack() as stack:
        found = {
            name: Contender(*stack.enter_context(server(module)))
            for name, module in servers.items()
        }
        yield found
        for each in found.values():
            each.close()


def add_rows(report: Report, label: str, turns: Mapping[str, list[Turn]]) -> None:
    """Add a row for each server; the ratios are medians of the turns' ratios."""
    for name, own in turns.items():
        pairs = list(zip(own, turns[PEER], strict=True))
        report.add(
            f"{label}: {name}",
            trip_us=median(each.trip for each in own),
            trip_p99_us=median(each.tail for each in own),
            trip_processor_us=median(each.trip_processor for each in own),
            trip_ratio=median(each.trip / peer.trip for each, peer in pairs),
            rate=median(each.rate for each in own),
            rate_processor_us=median(each.rate_processor for each in own),
            client_processor_us=median(each.client_processor for each in own),
            rate_ratio=median(each.rate / peer.rate for each, peer in pairs),
        )


def add_lean_rows(report: Report, label: str, turns: Mapping[str, list[Turn]]) -> None:
    """Add a row for each server, of its rate with the lean client."""
    for name, own in turns.items():
        pairs = zip(own, turns[PEER], strict=True)
        report.add(
            f"{label}: {name}",
            rate=median(each.lean_rate for each in own),
            rate_processor_us=median(each.lean_processor for each in own),
            rate_ratio=median(each.lean_rate / peer.lean_rate for each, peer in pairs),
        )


def main() -> None:
    """Run the measurement."""
    title = "Echo of a stream over gRPC, against servers by hand"
    report = Report("grpc_peers", title, COLUMNS)
    lean = Report("grpc_capacity", f"{title}, with a client that does not bound it", LEAN_COLUMNS)
    with contenders(SERVERS) as servers:
        for size, rounds, count in SIZES:
            for each in servers.values():  # warm up
                each.turn(size, rounds // 5, count // 5)
            turns: dict[str, list[Turn]] = {name: [] for name in servers}
            for _ in range(TURNS):
                for name, each in servers.items():
                    turns[name].append(each.turn(size, rounds, count))
            add_rows(report, f"{size} B", turns)
            add_lean_rows(lean, f"{size} B", turns)
    report.show()
    lean.show()


if __name__ == "__main__":
    main()
