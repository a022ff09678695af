"""Actors for tests: each does one thing that a pipeline must cope with."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

import numpy as np
import trio

from actors import ANY_KIND, Actor, Audio, Binary, Data, Field, Json, Kind, NumpyArray, Params, Text


class HookParams(Params):
    """Which hook does it."""

    hook: str = Field("process", description="initialize, process, flush or cleanup")


class Raising(Actor[HookParams]):
    """Raise in one hook, and hand everything on otherwise."""

    def initialize(self) -> None:
        self._maybe("initialize")

    def process(self, item: Data) -> Data:
        self._maybe("process")
        return item

    def flush(self) -> None:
        self._maybe("flush")

    def cleanup(self) -> None:
        self._maybe("cleanup")

    def _maybe(self, hook: str) -> None:
        if self.params.hook == hook:
            raise RuntimeError(f"this {hook} always fails")


class AsyncRaising(Actor[HookParams]):
    """Raise in one async hook."""

    async def initialize(self) -> None:
        await self._maybe("initialize")

    async def process(self, item: Data) -> Data:
        await self._maybe("process")
        return item

    async def flush(self) -> None:
        await self._maybe("flush")

    async def cleanup(self) -> None:
        await self._maybe("cleanup")

    async def _maybe(self, hook: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.params.hook == hook:
            raise RuntimeError(f"this {hook} always fails")


class StuckParams(HookParams):
    """How it is stuck."""

    blocking: bool = Field(True, description="in time.sleep, else in trio.sleep_forever")
    path: str = Field("", description="a named pipe that is written to when it is stuck")


class Stuck(Actor[StuckParams]):
    """Never come back from one hook; say so through a named pipe."""

    async def _maybe_async(self, hook: str) -> None:
        if self.params.hook == hook:
            await trio.Path(self.params.path).write_text("stuck")
            if self.params.blocking:
                time.sleep(60)
            await trio.sleep_forever()

    async def initialize(self) -> None:
        await self._maybe_async("initialize")

    async def process(self, item: Data) -> Data:
        await self._maybe_async("process")
        return item

    async def flush(self) -> None:
        await self._maybe_async("flush")

    async def cleanup(self) -> None:
        await self._maybe_async("cleanup")


class ExitParams(Params):
    """How the process ends."""

    signal_number: int = Field(0, ge=0, description="0 exits with `status`")
    status: int = Field(3, ge=0)


class Exiting(Actor[ExitParams]):
    """End the process in the middle of processing."""

    def process(self, item: Data) -> None:
        print("about to end", flush=True)
        if self.params.signal_number:
            os.kill(os.getpid(), self.params.signal_number)
            time.sleep(60)
        os._exit(self.params.status)


class Segfaulting(Actor[Params]):
    """Read from address 0."""

    def process(self, item: Data) -> None:
        import ctypes

        ctypes.string_at(0)


class KeepEverything(Actor[Params]):
    """Keep every array; at the end say how many there are and whether any has changed."""

    def initialize(self) -> None:
        self._kept: list[tuple[float, NumpyArray]] = []

    def process(self, item: NumpyArray) -> None:
        self._kept.append((float(item.array.sum(dtype=np.float64)), item))

    def flush(self) -> Json:
        same = sum(s == float(i.array.sum(dtype=np.float64)) for s, i in self._kept)
        return Json({"kept": len(self._kept), "unchanged": same})


class Sum(Actor[Params]):
    """Add numbers up, and give the sum at the end only."""

    def initialize(self) -> None:
        self._sum = 0

    def process(self, item: Json) -> None:
        value = item.value
        assert isinstance(value, int)
        self._sum += value

    def flush(self) -> Json:
        return Json(self._sum)


class CountUp(Actor[Params]):
    """Give n items for a number n, as a generator."""

    def process(self, item: Json) -> Iterator[Json]:
        for number in range(int(str(item.value))):
            yield Json(number)


class CountUpAsync(Actor[Params]):
    """Give n items for a number n, as an async generator."""

    async def process(self, item: Json) -> AsyncIterator[Json]:
        for number in range(int(str(item.value))):
            await trio.lowlevel.checkpoint()
            yield Json(number)


class CountUpList(Actor[Params]):
    """Give n items for a number n, as a list."""

    def process(self, item: Json) -> list[Json]:
        return [Json(number) for number in range(int(str(item.value)))]


class CountUpInThread(CountUp):
    """Give n items for a number n, from a worker thread where it runs natively."""

    runs_in_thread = True


class ThreadName(Actor[Params]):
    """Say which thread processes."""

    runs_in_thread = True

    def process(self, item: Data) -> Text:
        import threading

        return Text(threading.current_thread().name)


class SlowParams(Params):
    """How slow."""

    seconds: float = Field(0.01, ge=0)


class Slow(Actor[SlowParams]):
    """Take some time for each item."""

    async def process(self, item: Data) -> Data:
        await trio.sleep(self.params.seconds)
        return item


class SlowAndStateless(Slow):
    """Take some time for each item, and remember nothing of it."""

    stateless = True


class Burst(Actor[Params]):
    """Return each item 1000 times."""

    def process(self, item: Data) -> Iterator[Data]:
        for _ in range(1000):
            yield item


class GateParams(Params):
    """Where the gate is."""

    path: str = Field("", description="a named pipe that is opened for reading")
    most_bytes: int = Field(0, ge=0, description="of each result, the first ones; 0 for all")


class Gated(Actor[GateParams]):
    """Hold the first item until somebody has written into a named pipe."""

    def initialize(self) -> None:
        self._open = False

    async def process(self, item: Data) -> Data:
        if not self._open:
            self._open = True
            path = trio.Path(self.params.path)
            await path.read_text()
        if self.params.most_bytes and isinstance(item, Binary):
            return Binary(item.data[: self.params.most_bytes].copy())
        return item


class Burn(Actor[SlowParams]):
    """Use the processor, in pure Python, for some time."""

    def process(self, item: Data) -> Data:
        end = time.thread_time() + self.params.seconds
        while time.thread_time() < end:
            pass
        return item


class Mutating(Actor[Params]):
    """Try to write into what came in."""

    def process(self, item: Audio) -> Audio:
        item.samples[:] = 0
        return item


class WrongKind(Actor[Params]):
    """Return text where it declares JSON."""

    produces = frozenset({Kind.JSON})

    def process(self, item: Data) -> Text:
        return Text("not json")


class NotData(Actor[Params]):
    """Return a dict."""

    def process(self, item: Data) -> object:  # type: ignore[override]
        return {"value": 1}


class AudioOnly(Actor[Params]):
    """Take audio only."""

    accepts = frozenset({Kind.AUDIO})
    produces = ANY_KIND

    def process(self, item: Audio) -> Audio:
        return item


class Loading(Actor[SlowParams]):
    """Load in three steps."""

    async def initialize(self) -> None:
        for step in (1, 2, 3):
            self.context.progress(step / 3, f"step {step}")
            await trio.sleep(self.params.seconds)

    def process(self, item: Data) -> Data:
        return item


class Chatty(Actor[Params]):
    """Report progress with long texts."""

    def initialize(self) -> None:
        message = f"downloading {'x' * 100_000} done"
        self.context.progress(0.5, message, status="loading " + "y" * 100_000)

    def process(self, item: Data) -> Data:
        return item


class Printing(Actor[Params]):
    """Print to both streams, as careless libraries do."""

    def process(self, item: Data) -> Data:
        print("a word on stdout")
        print("a word on stderr", file=sys.stderr)
        return item


class WhereAmI(Actor[Params]):
    """Say where it runs."""

    def process(self, item: Data) -> Json:
        return Json(
            {"pid": os.getpid(), "node": self.context.node_id, "interpreter": sys.executable}
        )


_owner: ContextVar[str] = ContextVar("_owner", default="nobody")


class Remembering(Actor[Params]):
    """Tell which node has set a context variable."""

    def initialize(self) -> None:
        _owner.set(self.context.node_id)

    def process(self, item: Data) -> Json:
        return Json(_owner.get())


class ContextTeller(Actor[Params]):
    """Say what the context says of the item."""

    def process(self, item: Data) -> Json:
        context = self.context
        return Json(
            {
                "sequence": context.sequence,
                "timestamp_ms": context.timestamp_ms,
                "source": context.source,
            }
        )


class LoaningParams(Params):
    """What becomes of the arrays that were sent."""

    keep: bool = Field(False, description="keep every one, and look at them at the end")
    spare: int = Field(0, ge=0, description="loans that are taken and never sent")


class Loaning(Actor[LoaningParams]):
    """Fill a loaned array for each number."""

    def initialize(self) -> None:
        self._kept: list[tuple[object, np.ndarray]] = []
        self._spare: list[np.ndarray] = []

    def process(self, item: Json) -> NumpyArray:
        self._spare += [self.context.loan(10, np.int16) for _ in range(self.params.spare)]
        array = self.context.loan((1000, 3), np.float32)
        array[:] = item.value
        if self.params.keep:
            self._kept.append((item.value, array))
        return NumpyArray(array, metadata={"of": str(item.value)})

    def flush(self) -> Json:
        same = sum(bool((array == value).all()) for value, array in self._kept)
        return Json({"kept": len(self._kept), "unchanged": same})


class Unclean(Actor[Params]):
    """Ignore SIGTERM and never come back."""

    def process(self, item: Data) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.context.log.warning("stuck now")
        time.sleep(60)


class WithSubprocess(Actor[Params]):
    """Start a process of its own, and tell its id."""

    def initialize(self) -> None:
        self._process = subprocess.Popen(["sleep", "60"])

    def process(self, item: Data) -> Json:
        return Json(self._process.pid)


class HungryParams(Params):
    """How hungry."""

    hook: str = Field("process", description="initialize or process")
    megabytes: int = Field(512, ge=1)
    how: str = Field("numpy", description="numpy, bytes, crumbs, native or abort")


class Hungry(Actor[HungryParams]):
    """Allocate memory, and keep it."""

    def initialize(self) -> None:
        if self.params.hook == "initialize":
            self._eat()

    def process(self, item: Data) -> Data:
        if self.params.hook == "process":
            self._eat()
        return item

    def _eat(self) -> None:
        size = self.params.megabytes * 1024 * 1024
        match self.params.how:
            case "numpy":
                self._kept: object = np.ones(size, np.uint8)
            case "bytes":
                self._kept = bytearray(size)
            case "crumbs":
                self._kept = [str(number) for number in range(size // 64)]
            case "native":
                self._write_without_checking(size)
            case "abort":
                print("terminate called after throwing an instance of 'std::bad_alloc'", flush=True)
                os.abort()

    def _write_without_checking(self, size: int) -> None:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        ctypes.memset(libc.malloc(ctypes.c_size_t(size)) or 0, 1, 1)


class Inflate(Actor[Params]):
    """Give an array of as many bytes as a number says."""

    def process(self, item: Json) -> NumpyArray:
        return NumpyArray(np.ones(int(str(item.value)), np.uint8))


class Cautious(Actor[Params]):
    """Log a warning."""

    def process(self, item: Data) -> Data:
        self.context.log.warning("careful: %d of %d", 3, 4)
        return item


class HoggingParams(Params):
    """How it holds the thread."""

    seconds: float = Field(0.15, ge=0)
    hook: str = Field("def", description="def, async or generator")


class Hogging(Actor[HoggingParams]):
    """Hold the thread that it runs in."""

    def process(self, item: Data) -> object:  # type: ignore[override]
        match self.params.hook:
            case "async":
                return self._process_async(item)
            case "generator":
                return self._process_many(item)
        time.sleep(self.params.seconds)
        return item

    async def _process_async(self, item: Data) -> Data:
        await trio.lowlevel.checkpoint()
        time.sleep(self.params.seconds)
        await trio.lowlevel.checkpoint()
        return item

    def _process_many(self, item: Data) -> Iterator[Data]:
        time.sleep(self.params.seconds)
        yield item


class HoggingInThread(Hogging):
    """Hold a worker thread, where it runs natively."""

    runs_in_thread = True
