"""Many streams at a steady rate: `python -m tests.benchmarks streams [--voice N] ...`.

Native streams that are nearly idle show what a stream costs; voice streams, with a chunk of 20 ms
every 20 ms each and the Silero model in the server, show how many of them a machine keeps in real
time. The clients of all streams are one process of their own (`stream_load`), which sends at its
times whether or not results come. If the machine cannot keep real time with so many voice streams,
the largest number that it can is searched for.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from .grpc_clients import server
from .machine_load import cpu_seconds
from .report import Report
from .stream_load import Load, LoadFigures

VOICE: Final = "SileroVADNode"
PERIOD_SECONDS: Final = 0.02
# 20 ms of mono audio at 16 kHz, of float32.
CHUNK_BYTES: Final = 1280
NATIVE_CHUNKS_A_SECOND: Final = 50
PER_CONNECTION: Final = 100
WARM_SECONDS: Final = 2.0
# In real time, a result is there before the next chunk is sent.
REAL_TIME_MS: Final = 1000 * PERIOD_SECONDS
# If the clients are later than this, the figures show them and not the server.
MOST_LATE_MS: Final = REAL_TIME_MS / 2
# The search ends when this share of the streams is in doubt.
SEARCHED_SHARE: Final = 0.05


@dataclass
class StreamFigures(LoadFigures):
    """What the servers needed.

    Attributes:
        server_cpu_us: processor time of the servers per chunk that they answered.
        open_ms: per stream.
        kilobytes: of proportional memory (PSS) per stream, in the servers.
    """

    server_cpu_us: float
    open_ms: float
    kilobytes: float

    @property
    def keeps_real_time(self) -> bool:
        """Whether results came before the next chunk."""
        return not self.missing and self.p99_ms < REAL_TIME_MS


@dataclass(frozen=True)
class Servers:
    """Servers that share the streams.

    Attributes:
        ports: of each.
        pids: of each.
    """

    ports: Sequence[int]
    pids: Sequence[int]

    def measure(self, load: Load) -> StreamFigures:
        """Measure with a client that has one stream of the kind to each server beside the load."""
        with clients(first_of(load)) as first:  # which loads the model, and keeps it
            next_line(first)
            return self._measure(load)

    def _measure(self, load: Load) -> StreamFigures:
        before = self._pss_bytes()
        with clients(load) as process:
            opened_seconds = float(next_line(process))
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
            next_line(process)  # warm
            spent = -self._cpu_seconds()
            next_line(process)  # sent
            spent += self._cpu_seconds()
            figures = LoadFigures(**json.loads(next_line(process)))
            held = self._pss_bytes() - before
        return StreamFigures(
            **vars(figures),
            server_cpu_us=1e6 * spent / max(figures.done, 1),
            open_ms=1e3 * opened_seconds / load.streams,
            kilobytes=held / load.streams / 1e3,
        )

    def _pss_bytes(self) -> int:
        return sum(psutil.Process(pid).memory_full_info().pss for pid in self.pids)

    def _cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, self.pids))


@contextmanager
def servers(count: int) -> Iterator[Servers]:
    """Run servers, each pinned to a core; one alone leaves the other cores to the clients."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        ports, pids = [], []
        for number in range(count):
            port, pid = stack.enter_context(server("grpc_server"))
            os.sched_setaffinity(pid, {cores[number % len(cores)]})
            ports.append(port)
            pids.append(pid)
        if count < len(cores):
            os.sched_setaffinity(0, cores[count:])
            stack.callback(os.sched_setaffinity, 0, cores)
        yield Servers(ports, pids)


@contextmanager
def clients(load: Load) -> Iterator["subprocess.Popen[str]"]:
    """Run the process that has all streams."""
    command = [sys.executable, "-m", f"{__package__}.stream_load", json.dumps(load._asdict())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def first_of(load: Load) -> Load:
    """Return a load of one stream for each server."""
    return load._replace(streams=len(load.ports), per_connection=1)


def next_line(process: "subprocess.Popen[str]") -> str:
    """Return the next line of the clients."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        sys.exit("the clients have ended; their error is above")
    return line


def native_load(streams: int, ports: Sequence[int], seconds: float) -> Load:
    """Return a load of streams that send few chunks."""
    return Load(
        ports,
        node_type="PassThrough",
        streams=streams,
        per_connection=PER_CONNECTION,
        size=CHUNK_BYTES,
        period=streams / NATIVE_CHUNKS_A_SECOND,
        warm=WARM_SECONDS,
        seconds=seconds,
    )


def voice_load(streams: int, ports: Sequence[int], seconds: float) -> Load:
    """Return a load of streams in real time."""
    return Load(
        ports,
        node_type=VOICE,
        streams=streams,
        per_connection=PER_CONNECTION,
        size=CHUNK_BYTES,
        period=PERIOD_SECONDS,
        warm=WARM_SECONDS,
        seconds=seconds,
    )


def add_row(report: Report, label: str, count: int, figures: StreamFigures) -> None:
    """Add a row."""
    report.add(
        label,
        servers=count,
        cpu_us=figures.server_cpu_us,
        p50_ms=figures.p50_ms,
        p99_ms=figures.p99_ms,
        missing=figures.missing,
        kilobytes=figures.kilobytes,
        open_ms=figures.open_ms,
        late_ms=figures.late_ms,
    )


def measure_voice(report: Report, streams: int, count: int, seconds: float) -> list[str]:
    """Measure voice streams, and search for the limit; return what is to be said about it."""
    with servers(count) as running:

        def measured(number: int) -> StreamFigures:
            figures = running.measure(voice_load(number, running.ports, seconds))
            add_row(report, f"{number} voice streams", count, figures)
            return figures

        figures = measured(streams)
        if figures.keeps_real_time:
            return [f"{count} servers keep {streams} voice streams in real time."]
        notes = [
            f"{count} servers cannot keep {streams} voice streams in real time: "
            f"{figures.missing} results missing, p99 {figures.p99_ms:.0f} ms."
        ]
        if figures.late_ms > MOST_LATE_MS:
            notes.append("The clients were late too: they had not enough of a core.")
        # What one core can do at most, however its time is shared with others.
        limit = count * 1e6 * PERIOD_SECONDS / figures.server_cpu_us
        notes.append(f"By its processor time, {count} whole cores would do for {limit:.0f}.")
        low, high = 0, streams
        while high - low > max(1, SEARCHED_SHARE * high):
            middle = (low + high) // 2
            if measured(middle).keeps_real_time:
                low = middle
            else:
                high = middle
        return [*notes, f"The most that they kept: {low}."]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    cores = len(os.sched_getaffinity(0))
    found = argparse.ArgumentParser(
        prog=f"python -m {__package__} streams",
        description="Measure many streams. 0 leaves a kind out.",
    )
    found.add_argument("--native", type=number_of, default=1000, help="nearly idle streams (1000)")
    found.add_argument("--voice", type=number_of, default=200, help="voice streams (200)")
    found.add_argument(
        "--servers",
        type=number_of,
        default=cores,
        help=f"that share the voice streams: one for each core ({cores})",
    )
    found.add_argument("--seconds", type=seconds_of, default=8.0, help="of each measurement (8)")
    return found


def number_of(text: str) -> int:
    """Return a number of the command line that is not negative."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def seconds_of(text: str) -> float:
    """Return seconds of the command line."""
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return seconds


def main(arguments: Sequence[str] = ()) -> None:
    """Measure."""
    options = parser().parse_args(arguments)
    report = Report(
        "streams",
        f"Many streams, chunks of {CHUNK_BYTES} B for {options.seconds:g} s: native ones "
        f"{NATIVE_CHUNKS_A_SECOND} chunks a second in all, voice ones 50 a second each",
        (
            "",
            "servers",
            "CPU us a chunk",
            "p50 ms",
            "p99 ms",
            "missing",
            "KB each",
            "ms to open",
            "clients late, p99 ms",
        ),
    )
    notes: list[str] = []
    if options.native:
        with servers(1) as running:
            load = native_load(options.native, running.ports, options.seconds)
            add_row(report, f"{options.native} native streams", 1, running.measure(load))
    if options.voice and options.servers:
        notes += measure_voice(report, options.voice, options.servers, options.seconds)
    report.show()
    print(*notes, sep="\n")
