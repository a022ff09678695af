"""Actors that emit at any time, for tests."""

import threading
import time

import trio

from actors import Actor, Data, Field, Json, Kind, NoParams, Params, Routed, on_interval

JSON = frozenset({Kind.JSON})


class Answering(Actor[NoParams]):
    """Answer each number in a task of its own, later for smaller numbers."""

    accepts = produces = JSON

    def process(self, item: Json) -> None:
        self.context.start_soon(self.answer, item.value, keep_open=True)

    async def answer(self, number: int) -> None:
        await trio.sleep((3 - number) / 10)
        await self.context.emit(Json(number))


class EagerBackground(Actor[NoParams]):
    """Start a task in `initialize` that ends by cancellation only."""

    accepts = produces = JSON

    async def initialize(self) -> None:
        self.end = ""
        self.context.start_soon(self.tick)

    async def tick(self) -> None:
        try:
            await self.context.emit(Json("tick"))
            await trio.sleep_forever()
        except trio.Cancelled:
            self.end = "cancelled"
            raise

    def process(self, item: Json) -> Json:
        return item

    def flush(self) -> Json:
        return Json({"end": self.end})

    def cleanup(self) -> None:
        if self.end != "cancelled":
            raise RuntimeError("the task was not cancelled before cleanup")


class FailingBackground(Actor[NoParams]):
    """Fail in a task."""

    def process(self, item: Data) -> None:
        self.context.start_soon(self.poll_device)

    async def poll_device(self) -> None:
        raise ValueError("device lost")


class WrongBackground(Actor[NoParams]):
    """Emit an undeclared kind in a task."""

    accepts = JSON
    produces = frozenset({Kind.TEXT})

    def process(self, item: Json) -> None:
        self.context.start_soon(self.context.emit, item, keep_open=True)


class ThreadEmitter(Actor[NoParams]):
    """Emit from a thread of its own, while the node waits for its next item."""

    accepts = produces = JSON

    def initialize(self) -> None:
        self.go = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        self.go.wait()
        time.sleep(0.1)  # the node is back in its wait
        self.context.emit_from_thread(Json("from a thread"))

    def process(self, item: Json) -> None:
        self.go.set()

    def flush(self) -> None:
        self.go.set()
        # A join would hold the loop, for which the thread waits.

    def cleanup(self) -> None:
        self.go.set()


class LateEmitter(Actor[NoParams]):
    """Emit in `cleanup`."""

    accepts = produces = JSON

    def process(self, item: Json) -> Json:
        return item

    async def cleanup(self) -> None:
        await self.context.emit(Json("late"))


class IntervalParams(Params):
    """How often."""

    every_secs: float = Field(0.05, description="the interval")


class Ticking(Actor[IntervalParams]):
    """Emit the number of items and of calls at an interval."""

    accepts = produces = JSON
    items = calls = 0

    def process(self, item: Json) -> None:
        self.items += 1

    @on_interval("every_secs")
    async def report(self) -> Json:
        self.calls += 1
        return Json({"items": self.items, "calls": self.calls})


class FailingInterval(Actor[NoParams]):
    """Fail at an interval."""

    accepts = produces = JSON

    def process(self, item: Json) -> None: ...

    @on_interval(0.01)
    def report(self) -> None:
        raise ValueError("no report")


class Spy(Actor[NoParams]):
    """Emit within a hook."""

    accepts = produces = JSON

    async def process(self, item: Json) -> Json:
        await self.context.emit(Json("first"))
        return Json("second")


class Sorter(Actor[NoParams]):
    """Route each JSON list [target, value] to the target."""

    accepts = produces = JSON

    def process(self, item: Json) -> Routed:
        return Routed(item, to=str(item.value[0]))  # type: ignore[index]


class Spinning(Actor[NoParams]):
    """Hold the event loop in a task."""

    accepts = produces = JSON
    process_timeout_secs = 0.3

    def process(self, item: Json) -> None:
        self.context.start_soon(self.spin)

    async def spin(self) -> None:
        while True:
            pass
