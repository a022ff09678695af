"""Actors that the kit's own tests run."""

import time
from collections.abc import AsyncIterator, Iterator

import numpy as np
import trio

from actors import (
    ANY_KIND,
    Actor,
    Audio,
    Batch,
    CancelSpeculation,
    Control,
    Data,
    Field,
    Json,
    Kind,
    NoParams,
    NumpyArray,
    Params,
    Text,
    on_interval,
)


class GainParams(Params):
    """How loud."""

    gain: float = Field(1.0, ge=0, le=8, description="linear factor")


class GainNode(Actor[GainParams]):
    """Make audio louder or softer."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    def process(self, item: Audio) -> Audio:
        return Audio(item.as_float() * np.float32(self.params.gain), item.sample_rate)


class Pairs(Actor[Params]):
    """Hold every other text; at the end give what is held."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        self._held: str | None = None

    def process(self, item: Text) -> Iterator[Text]:
        if self._held is None:
            self._held = item.text
            return
        yield Text(self._held)
        yield item
        self._held = None

    def flush(self) -> Iterator[Text]:
        if self._held is not None:
            held, self._held = self._held, None
            yield Text(held)


class SlowStart(Actor[Params]):
    """Report two steps while it gets ready."""

    async def initialize(self) -> None:
        self.context.progress(0.25, "reading")
        await trio.lowlevel.checkpoint()
        self.context.progress(0.75, "warming")

    def process(self, item: Data) -> Data:
        return item


class Fragile(Actor[Params]):
    """Fail on text, and in the hook that the JSON names."""

    def process(self, item: Data) -> Data:
        if isinstance(item, Text):
            raise ValueError("no text, please")
        return item


class BadStart(Actor[Params]):
    """Never get ready."""

    def initialize(self) -> None:
        raise OSError("no such model")


class Later(Actor[Params]):
    """Give an item a second after it came."""

    async def process(self, item: Data) -> Data:
        await trio.sleep(1)
        return item


class Forgetful(Actor[Params]):
    """Never come back from a process call."""

    async def process(self, item: Data) -> None:
        await trio.sleep_forever()


class Collector(Actor[Params]):
    """Keep every array."""

    accepts = frozenset({Kind.NUMPY})
    produces = ANY_KIND

    def initialize(self) -> None:
        self._kept: list[NumpyArray] = []

    def process(self, item: NumpyArray) -> None:
        self._kept.append(item)

    def flush(self) -> Json:
        return Json(len(self._kept))


class Talker(Actor[Params]):
    """Give 1000 pieces for a text, each some time after the other, as a synthesizer does."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Iterator[Text]:
        if item.text == "short":
            yield item
            return
        for number in range(1000):
            time.sleep(0.002)
            yield Text(f"{item.text} {number}")


class AsyncTalker(Actor[Params]):
    """The same, awaiting."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    async def process(self, item: Text) -> AsyncIterator[Text]:
        for number in range(1 if item.text == "short" else 1000):
            await trio.sleep(0.002)
            yield item if item.text == "short" else Text(f"{item.text} {number}")


class Stuck(Actor[Params]):
    """Work on a long text for ever; short ones come at once."""

    accepts = frozenset({Kind.TEXT})
    produces = ANY_KIND

    async def process(self, item: Text) -> Text:
        if item.text == "long":
            await trio.sleep_forever()
        return item


class Listener(Actor[Params]):
    """Say which control messages came, when the next text comes."""

    accepts = frozenset({Kind.TEXT})
    produces = ANY_KIND

    def initialize(self) -> None:
        self._heard: list[str] = []

    def on_control(self, control: Control) -> None:
        self._heard.append(f"{control.message} {control.segment_id} {control.timestamp_ms}")

    def process(self, item: Text) -> Json:
        heard, self._heard = self._heard, []
        return Json([item.text, *heard])


class Reader(Listener):
    """Take control messages among the items too."""

    accepts = frozenset({Kind.TEXT, Kind.CONTROL})
    produces = ANY_KIND

    def process(self, item: Text | Control) -> Json:
        if isinstance(item, Control):
            return Json("in its turn")
        return super().process(item)


class Interrupter(Actor[Params]):
    """Hand texts on; cancel everything before a "stop"."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT, Kind.CONTROL})

    def process(self, item: Text) -> Data:
        if item.text == "stop":
            return Control(CancelSpeculation(0, self.context.timestamp_ms))
        return item


class Batched(Actor[Params]):
    """Join up to three texts, or what comes within a second."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})
    batch = Batch(items=3, seconds=1)

    def process(self, items: list[Text]) -> Text:
        return Text("+".join(item.text for item in items))


class Playing(Actor[Params]):
    """Hand audio on no faster than it sounds, at ten times its speed."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    async def process(self, item: Audio) -> Audio:
        await trio.sleep(item.duration_seconds / 10)
        return item


class StartsInThread(Actor[Params]):
    """Report its progress from a worker thread, while somebody waits for the reports."""

    runs_in_thread = True

    def initialize(self) -> None:
        for step in range(1, 4):
            time.sleep(0.02)
            self.context.progress(step / 4, f"step {step}")

    def process(self, item: Data) -> Data:
        return item


class Beats(Actor[NoParams]):
    """A source without an end."""

    produces = frozenset({Kind.TEXT})

    async def generate(self) -> AsyncIterator[Text]:
        beat = 0
        while True:
            await trio.sleep(1)
            yield Text(f"beat {beat}")
            beat += 1


class Lines(Actor[NoParams]):
    """A source with an end, in a thread."""

    produces = frozenset({Kind.TEXT})

    def generate(self) -> Iterator[Text]:
        for line in range(3):
            yield Text(f"line {line}")


class Heartbeat(Actor[NoParams]):
    """Emit in a task, at an interval, and for each item."""

    accepts = produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        self.context.start_soon(self.beat)

    async def beat(self) -> None:
        while True:
            await trio.sleep(2)
            await self.context.emit(Text("task"))

    @on_interval(3)
    def report(self) -> Text:
        return Text("interval")

    def process(self, item: Text) -> Text:
        return item
