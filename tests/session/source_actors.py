"""Sources for tests."""

import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import trio

from actors import Actor, Control, Field, Json, Kind, NoParams, Params, Timestamped

JSON = frozenset({Kind.JSON})


class CountParams(Params):
    """How far a source counts."""

    count: int = Field(5, description="the number of items; -1 for no end")


class AsyncCounter(Actor[CountParams]):
    """Count, in an async generator."""

    produces = JSON

    async def generate(self) -> AsyncIterator[Json]:
        number = 0
        while number != self.params.count:
            yield Json(number)
            number += 1


class ThreadCounter(Actor[CountParams]):
    """Count, in a plain generator, and report its thread; at the end, whether it was closed."""

    produces = JSON
    closed = False

    def generate(self) -> Iterator[Json]:
        number = 0
        try:
            while number != self.params.count:
                is_main = threading.current_thread() is threading.main_thread()
                yield Json({"number": number, "main": is_main, "pid": os.getpid()})
                number += 1
        finally:
            self.closed = True

    def flush(self) -> Json:
        return Json({"closed": self.closed})


class SilentSource(Actor[NoParams]):
    """Wait for ever, and emit something at the end."""

    produces = JSON
    was_cancelled = False

    async def generate(self) -> AsyncIterator[Json]:
        try:
            yield Json("waiting")
            await trio.sleep_forever()
        finally:
            self.was_cancelled = True

    def flush(self) -> Json:
        return Json({"cancelled": self.was_cancelled})


class Metronome(Actor[NoParams]):
    """Tick once a second."""

    produces = JSON

    async def generate(self) -> AsyncIterator[Json]:
        tick = 0
        while True:
            await trio.sleep(1)
            yield Json(tick)
            tick += 1


class ControlledSource(Actor[NoParams]):
    """Emit the details of each control message."""

    produces = JSON

    def initialize(self) -> None:
        self.received, self.arrivals = trio.open_memory_channel[str](10)

    async def generate(self) -> AsyncIterator[Json]:
        yield Json("ready")
        async for details in self.arrivals:
            yield Json(details)

    def on_control(self, control: Control) -> None:
        self.received.send_nowait(control.details)


class StampedSource(Actor[NoParams]):
    """Emit items with timestamps of its own."""

    produces = JSON

    def generate(self) -> Iterator[Timestamped]:
        for number in range(3):
            yield Timestamped(Json(number), number * 40)


class BrokenSource(Actor[NoParams]):
    """Fail after one item."""

    produces = JSON

    async def generate(self) -> AsyncIterator[Json]:
        yield Json(0)
        raise ValueError("no signal")


class BrokenThreadSource(Actor[NoParams]):
    """Fail after one item, in the worker thread."""

    produces = JSON

    def generate(self) -> Iterator[Json]:
        yield Json(0)
        raise ValueError("no signal")


class WrongKindSource(Actor[NoParams]):
    """Yield what is no item."""

    produces = JSON

    async def generate(self) -> AsyncIterator[Json]:
        yield 3  # type: ignore[misc]


class StuckSource(Actor[NoParams]):
    """Block the event loop of its process between two waits."""

    produces = JSON
    process_timeout_secs = 0.5

    async def generate(self) -> AsyncIterator[Json]:
        yield Json(0)
        time.sleep(20)
        yield Json(1)


class PatientSource(Actor[NoParams]):
    """Wait for longer than a call may last, which a source may do."""

    produces = JSON
    process_timeout_secs = 0.2

    async def generate(self) -> AsyncIterator[Json]:
        await trio.sleep(0.7)
        yield Json("async")


class PatientThreadSource(Actor[NoParams]):
    """Block its thread for longer than a call may last, which a source may do."""

    produces = JSON
    process_timeout_secs = 0.2

    def generate(self) -> Iterator[Json]:
        time.sleep(0.7)
        yield Json("thread")
