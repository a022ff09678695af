"""Where the time of a small message goes, between the server's socket and a native node and back.

The server runs here, and its functions are replaced by ones that measure the processor time: the
client, a process of its own, may run on the same core meanwhile. Each part has its time without
that of the parts within it. The times are those after a sleep, when the processor's caches have
lost what the server needs: two to three times what the same calls take in a loop.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any, Final

import trio

from runtime import open_runtime
from runtime.service import open_server

from .grpc_server import ANY_PORT
from .report import Report, median

SIZE: Final = 640
ROUNDS: Final = 3000
WARM_ROUNDS: Final = 500

WAITING: Final = "wake-up: epoll"
SCHEDULER: Final = "wake-up: trio's scheduler"
TASKS: Final = "tasks, beside the other parts"
# In the order of the road. What an outer part's time has not in it, its inner parts have.
# By name, since these are inner parts, of which no other room should know.
PARTS: Final[Sequence[tuple[str, str, str]]] = (
    ("read: system call", "os", "readv"),
    ("HTTP/2: frames", "runtime.wire.grpclib_adapter.frame_reader:FrameReader", "feed"),
    ("HTTP/2: messages", "runtime.wire.message_buffer:MessageBuffer", "add"),
    ("HTTP/2: messages", "runtime.wire.message_buffer:MessageBuffer", "_step"),
    ("decode, to an item", "runtime.wire.conversion:KnownChunks", "read"),
    ("decode, to an item", "runtime.wire.codec:Codec", "decode_short"),
    ("decode, to an item", "runtime.service.stream_requests", "chunk_data_of"),
    ("session: check and enter", "runtime.session.session_input:SessionInput", "try_enter"),
    ("links: send and take", "runtime.links:LocalQueue", "try_send"),
    ("links: send and take", "runtime.links:Inbox", "take"),
    ("node: its loop", "runtime.execution.item_intake:ItemIntake", "_step"),
    ("node: its loop", "runtime.execution.actor_loop:ActorLoop", "_process_directly"),
    ("node: the actor's process()", "runtime.execution.hook_calls:HookCalls", "call_directly"),
    ("session: result", "runtime.session.session_output:SessionOutput", "_step"),
    ("stream: respond", "runtime.service.stream_run:StreamRun", "_send_at_once"),
    ("stream: respond", "runtime.service.stream_run:StreamRun", "_send_batch"),
    ("encode, from an item", "runtime.wire.conversion:ResultEncoder", "encode"),
    ("encode, from an item", "runtime.wire.codec:Codec", "encode_prefixed_buffers"),
    ("write: frames", "runtime.wire.grpclib_adapter.frame_writer:FrameWriter", "_write"),
    ("write: system call", "socket:socket", "send"),
)
LAST: Final = "write: system call"


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
        self.enter(TASKS)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """End it."""
        self.leave()

    def before_io_wait(self, timeout: float) -> None:
        """Begin to wait for sockets."""
        if timeout:
            self._end_round()
        self.enter(WAITING)

    def after_io_wait(self, timeout: float) -> None:
        """End it."""
        self.leave()

    def _end_round(self) -> None:
        if self._counts[LAST]:
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
    places = [(part, resolve_name(place), name) for part, place, name in PARTS]
    before = [(place, name, getattr(place, name)) for _, place, name in places]
    for (part, place, name), (_, _, function) in zip(places, before, strict=True):
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
    trip = float(done.stdout)
    title = f"One chunk of {SIZE} B through a native node, there and back: processor time"
    report = Report("small_message", title, ("", "us", "calls"))
    rounds, calls = clock.rounds[WARM_ROUNDS:], clock.calls[WARM_ROUNDS:]
    whole = 0.0
    for name in dict.fromkeys((WAITING, SCHEDULER, TASKS, *(part for part, _, _ in PARTS))):
        spent = median(each.get(name, 0.0) for each in rounds) / 1e3
        count = median(each[name] for each in calls)
        whole += spent
        if spent:
            report.add(name, microseconds=spent, calls=count)
    cost = overhead() * median(sum(each.values()) for each in calls)
    report.add("the server", microseconds=whole, calls=1)
    report.add("of it for measuring", microseconds=cost, calls=1)
    report.add("a round trip, by the clock of the client", microseconds=trip, calls=1)
    report.show()


def overhead() -> float:
    """Return what it takes to measure one call, in microseconds."""
    clock, count = Clock(), 10_000
    began = time.thread_time_ns()
    for _ in range(count):
        clock.enter(WAITING)
        clock.leave()
    return (time.thread_time_ns() - began) / count / 1e3


def main() -> None:
    """Run the measurement."""
    clock = Clock()
    trio.run(measure, clock, instruments=[clock])


if __name__ == "__main__":
    main()
