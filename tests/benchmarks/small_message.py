"""Where the time of a small message goes, between the server's socket and a native node and back.

The server runs here, and its functions are replaced by ones that measure. The client is a process
of its own. Each part has its time without that of the parts within it. A measured call takes some
0.4 us more than others do, so the sum is more than without measuring.
"""

import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import trio

from runtime import open_runtime
from runtime.execution.hook_calls import HookCalls
from runtime.service import (
    open_server,
    stream_requests,
    stream_run,
)
from runtime.session.input_checker import InputChecker
from runtime.wire.codec import Codec
from runtime.wire.conversion import KnownChunks, ResultEncoder
from runtime.wire.grpclib_adapter.frame_reader import FrameReader
from runtime.wire.grpclib_adapter.frame_writer import FrameWriter
from runtime.wire.message_buffer import MessageBuffer

from .grpc_server import ANY_PORT
from .report import Report, median

SIZE: Final = 640
ROUNDS: Final = 3000
WARM_ROUNDS: Final = 500

WAITING: Final = "asleep"
SCHEDULER: Final = "trio: scheduler"
PARTS: Final[Sequence[tuple[str, Any, str]]] = (
    ("read: system call", os, "readv"),
    ("HTTP/2: frames", FrameReader, "feed"),
    ("HTTP/2: messages of a call", MessageBuffer, "add"),
    ("decode and convert", KnownChunks, "read"),
    ("decode", Codec, "decode_short"),
    ("convert the request", stream_requests, "chunk_data_of"),
    ("session: enter", InputChecker, "admit"),
    ("node: call", HookCalls, "call_directly"),
    ("response", stream_run.StreamRun, "_add_result"),
    ("convert and encode", ResultEncoder, "encode"),
    ("encode", Codec, "encode_prefixed_buffers"),
    ("write", FrameWriter, "write"),
)


class Clock(trio.abc.Instrument):
    """Adds up the time of each part, and passes it on at the end of each round."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []
        self.calls: list[Counter[str]] = []
        self._times: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()
        self._stack = [SCHEDULER]
        self._since = time.thread_time_ns()

    def enter(self, part: str) -> None:
        """Begin a part; what it is called from stops."""
        now = time.thread_time_ns()
        self._times[self._stack[-1]] += now - self._since
        self._stack.append(part)
        self._counts[part] += 1
        self._since = now

    def leave(self) -> None:
        """End the part; what it was called from goes on."""
        now = time.thread_time_ns()
        self._times[self._stack.pop()] += now - self._since
        self._since = now

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin what a task does beside the named parts."""
        self.enter(f"task: {task.name.rpartition('.')[2]}")

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """End it."""
        self.leave()

    def before_io_wait(self, timeout: float) -> None:
        """Begin to wait for sockets; without a timeout that is a look at them."""
        if timeout:
            self._end_round()
        self.enter(WAITING if timeout else "trio: look at the sockets")

    def after_io_wait(self, timeout: float) -> None:
        """End it."""
        self.leave()

    def _end_round(self) -> None:
        if self._counts["write"]:
            self.rounds.append(dict(self._times))
            self.calls.append(self._counts)
            self._times, self._counts = defaultdict(float), Counter()


def measured(clock: Clock, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same, and measures it."""

    def call(*arguments: Any, **named: Any) -> Any:
        clock.enter(part)
        try:
            return function(*arguments, **named)
        finally:
            clock.leave()

    return call


@contextmanager
def measuring(clock: Clock) -> Iterator[None]:
    """Measure the functions in `PARTS`."""
    before = [(place, name, getattr(place, name)) for _, place, name in PARTS]
    for (part, place, name), (_, _, function) in zip(PARTS, before, strict=True):
        setattr(place, name, measured(clock, part, function))
    try:
        yield
    finally:
        for place, name, function in before:
            setattr(place, name, function)


async def measure(clock: Clock) -> None:
    """Measure, and show the table."""
    async with (
        open_runtime() as runtime,
        open_server(runtime, environment=ANY_PORT) as server,
    ):
        command = [sys.executable, "-m", f"{__package__}.small_client"]
        numbers = map(str, (server.address.port, SIZE, WARM_ROUNDS + ROUNDS))
        with measuring(clock):
            done = await trio.run_process([*command, *numbers], capture_stdout=True)
    report = Report("small_message", f"One chunk of {SIZE} B, there and back", ("", "us", "times"))
    rounds, calls = clock.rounds[WARM_ROUNDS:], clock.calls[WARM_ROUNDS:]
    names = sorted({name for each in rounds for name in each})
    rows = {
        name: (
            median(each.get(name, 0.0) for each in rounds) / 1e3,
            median(each[name] for each in calls),
        )
        for name in names
    }
    awake = 0.0
    for name, (spent, count) in sorted(rows.items(), key=lambda row: -row[1][0]):
        if spent:
            report.add(name, microseconds=spent, times=count)
        awake += spent if name != WAITING else 0
    report.add("the server, awake", microseconds=awake, times=1)
    report.add("a round trip at the client", microseconds=float(done.stdout), times=1)
    report.show()


def main() -> None:
    """Run the measurement."""
    clock = Clock()
    trio.run(measure, clock, instruments=[clock])


if __name__ == "__main__":
    main()
