"""Actors on asyncio: some as they should be, some that break a rule."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import trio

from actors import (
    Actor,
    Batch,
    CancelSpeculation,
    Control,
    Field,
    Kind,
    Params,
    Text,
    on_interval,
)

TEXT = frozenset({Kind.TEXT})


class Vendor(Actor[Params], loop="asyncio"):
    """Use asyncio as the library of a vendor does: a task, a queue, timeouts, a subprocess."""

    accepts = produces = TEXT
    _worker: asyncio.Task[None] | None = None
    _has_ended = False

    async def initialize(self) -> None:
        self._task = asyncio.current_task()
        self._queue: asyncio.Queue[tuple[str, asyncio.Future[str]]] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())

    async def process(self, item: Text) -> AsyncIterator[Text]:
        assert asyncio.current_task() is self._task
        async with asyncio.timeout(10):  # around items, as of a response that streams
            for word in item.text.split():
                future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                await self._queue.put((word, future))
                yield Text(await future)

    async def flush(self) -> Text | None:
        if self._has_ended:
            return None
        self._has_ended = True
        return Text(await asyncio.to_thread(str.upper, "end"))

    async def cleanup(self) -> None:
        if self._worker is not None:
            assert asyncio.current_task() is self._task
            self._worker.cancel()
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while True:
            word, future = await self._queue.get()
            await asyncio.sleep(0)
            future.set_result(word.upper())


class Plain(Actor[Params], loop="asyncio"):
    """Use the loop from plain hooks, and emit from a plain generator."""

    accepts = produces = TEXT

    def initialize(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ticked = asyncio.Event()
        self._loop.call_soon(self._ticked.set)

    def process(self, item: Text) -> Iterator[Text]:
        assert asyncio.get_running_loop() is self._loop
        assert self._ticked.is_set()
        yield item
        yield item


class Speaker(Actor[Params], loop="asyncio"):
    """Speak word after word, until it is interrupted."""

    accepts = produces = TEXT

    def initialize(self) -> None:
        self._heard: list[str] = []

    async def process(self, item: Text) -> AsyncIterator[Text]:
        try:
            for word in item.text.split():
                yield Text(word)
                if word == "forever":
                    await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # clean-up may wait
            self._heard.append("cancelled")
            raise

    async def on_control(self, control: Control) -> None:
        await asyncio.sleep(0)
        if isinstance(control.message, CancelSpeculation):
            self._heard.append("control")

    def flush(self) -> Text | None:
        heard, self._heard = self._heard, []
        return Text(" ".join(heard)) if heard else None


class WaitParams(Params):
    """What process does."""

    what: str = Field("wait", description="wait, sleep, swallow, trio, fail or forget")


class Waiting(Actor[WaitParams], loop="asyncio"):
    """Wait in process, and note in cleanup that it ran."""

    accepts = produces = TEXT

    async def process(self, item: Text) -> Text:
        # Logged when this hook awaits: one that computes may be broken off.
        asyncio.get_running_loop().call_soon(self.context.log.warning, "processing")
        match self.params.what:
            case "wait":
                await asyncio.Event().wait()
            case "sleep":
                await asyncio.sleep(60)
            case "swallow":
                for _ in range(2):
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        self.context.log.warning("never mind")
            case "trio":
                await trio.sleep(1)
            case "fail":
                self._failing = asyncio.create_task(self._fail())
                await asyncio.wait([self._failing])
                del self._failing
            case "forget":
                self._forgotten = asyncio.create_task(asyncio.sleep(60), name="forgotten")
        return item

    async def cleanup(self) -> None:
        await asyncio.sleep(0)
        self.context.log.warning("cleaned up")

    async def _fail(self) -> None:
        raise ValueError("nobody awaits this")


class Swallows(Actor[Params], loop="asyncio"):
    """Take a cancellation for a failed attempt."""

    accepts = produces = TEXT

    async def process(self, item: Text) -> Text:
        try:
            await asyncio.sleep(0.05)
        except BaseException:
            self.context.log.warning("never mind")
        return item


class LeavesTask(Actor[Params], loop="asyncio"):
    """Leave a task of asyncio behind."""

    accepts = produces = TEXT

    async def process(self, item: Text) -> Text:
        self._left = asyncio.create_task(asyncio.sleep(60), name="keepalive")
        return item


class Batched(Actor[Params], loop="asyncio"):
    """Join the texts of a batch."""

    accepts = produces = TEXT
    batch = Batch(items=3, seconds=60)

    async def process(self, items: list[Text]) -> Text:
        await asyncio.sleep(0)
        return Text("".join(item.text for item in items))


class Hanging(Actor[Params], loop="asyncio"):
    """Wait for ever, in an item of a generator."""

    accepts = produces = TEXT
    process_timeout_secs = 0.5

    async def process(self, item: Text) -> AsyncIterator[Text]:
        yield item
        await asyncio.Event().wait()


class Holding(Actor[Params], loop="asyncio"):
    """Hold the event loop for too long."""

    accepts = produces = TEXT
    process_timeout_secs = 0.5

    async def process(self, item: Text) -> Text:
        while True:
            time.sleep(0.01)


class Ticker(Actor[Params], loop="asyncio"):
    """Emit from a background task, and at intervals."""

    accepts = produces = TEXT

    async def initialize(self) -> None:
        self._asked = asyncio.Event()
        self.context.start_soon(self._answer)

    async def process(self, item: Text) -> Text:
        await self.context.emit(Text(f"{item.text}: wait"))
        self._asked.set()
        return item

    @on_interval(10)
    async def report(self) -> Text:
        await asyncio.sleep(0)
        return Text("interval")

    async def _answer(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await asyncio.sleep(1)
            await self.context.emit(Text("answer"))


class Counter(Actor[Params], loop="asyncio"):
    """Generate three texts, on asyncio."""

    produces = TEXT

    async def generate(self) -> AsyncIterator[Text]:
        async with asyncio.timeout(10):
            for number in range(3):
                await asyncio.sleep(0.001)
                yield Text(str(number))


class FailingTask(Actor[Params], loop="asyncio"):
    """Fail in a background task."""

    accepts = produces = TEXT

    async def process(self, item: Text) -> None:
        self.context.start_soon(self._fail)

    async def _fail(self) -> None:
        await asyncio.sleep(0)
        raise ValueError("no luck")
