"""The latency that one session's 10 MB chunks add to another session's 640 B chunks.

A stream sends a small chunk every 20 ms through a native node and waits for the echo: alone, and
beside a client in another process that echoes 10 MB chunks one after the other. That client also
uses cores and memory bandwidth, whichever server it uses; the rows with a second server show this
share alone. The last rows are the same for a grpclib server that only echoes bytes.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from .grpc_clients import ECHO, STREAM, EchoStream, audio_chunk, server
from .report import Report, median, p99

TURNS = 5
CHUNKS = 100
PERIOD_SECONDS = 0.02
SIZE = 640


class Turn(NamedTuple):
    """The result of one turn.

    Attributes:
        times: of the small chunks, in milliseconds.
        load: echoes of 10 MB a second meanwhile.
    """

    times: list[float]
    load: float = 0


Batch = Callable[[], Turn]


def paced(stream: EchoStream) -> list[float]:
    """Send a chunk every 20 ms; return the round trips in milliseconds."""
    message, times, due = audio_chunk(SIZE), [], time.perf_counter()
    for _ in range(CHUNKS):
        times.append(stream.round_trip(message, SIZE) / 1e3)
        due += PERIOD_SECONDS
        time.sleep(max(0, due - time.perf_counter()))
    return times


def alone(stream: EchoStream) -> Batch:
    """Return a batch of the small stream with nothing beside it."""
    return lambda: Turn(paced(stream))


def beside(stream: EchoStream, *load: object) -> Batch:
    """Return a batch of the small stream beside `grpc_load` with these arguments."""
    command = [sys.executable, "-m", f"{__package__}.grpc_load", *map(str, load)]

    def run() -> Turn:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            times = paced(stream)
            process.stdin.close()
            return Turn(times, float(process.stdout.readline()))

    return run


def add_row(report: Report, name: str, turns: list[Turn], base: list[Turn]) -> None:
    """Add a row: p50 and p99, how much more they are than alone, and the load."""
    times = [time for turn in turns for time in turn.times]
    quiet = [time for turn in base for time in turn.times]
    report.add(
        name,
        p50=median(times),
        p99=p99(times),
        added_p50=median(times) - median(quiet),
        added_p99=p99(times) - p99(quiet),
        load=median(turn.load for turn in turns),
    )


def batches(port: int, other_port: int, floor_port: int) -> list[dict[str, Batch]]:
    """Return what is measured in our server and in the floor; the first of each is alone."""
    ours, floor = EchoStream(port, STREAM), EchoStream(floor_port, ECHO)
    ours.open_session()
    return [
        {
            "alone": alone(ours),
            "10 MB in another server": beside(ours, other_port, STREAM, "native"),
            "beside 10 MB, native": beside(ours, port, STREAM, "native"),
            "beside 10 MB, in a child": beside(ours, port, STREAM, "multiprocess"),
        },
        {
            "grpclib's echo, alone": alone(floor),
            "beside 10 MB in it": beside(floor, floor_port, ECHO),
        },
    ]


def main() -> None:
    """Run the measurement in turns."""
    report = Report(
        "neighbours",
        "640 B every 20 ms beside another session's 10 MB, ms",
        ("round trip", "p50", "p99", "p50 +", "p99 +", "10 MB a second"),
    )
    with (
        server("grpc_server") as (port, _),
        server("grpc_server") as (other_port, _),
        server("floors.grpc_echo") as (floor_port, _),
    ):
        groups = batches(port, other_port, floor_port)
        turns = [
            {name: batch() for group in groups for name, batch in group.items()}
            for _ in range(TURNS)
        ]
    for group in groups:
        base = [turn[next(iter(group))] for turn in turns]
        for name in group:
            add_row(report, name, [turn[name] for turn in turns], base)
    report.show()


if __name__ == "__main__":
    main()
