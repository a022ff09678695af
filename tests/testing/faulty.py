"""Actors that each break one rule of the contract."""

import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import ClassVar

import numpy as np
import trio
from pydantic import ConfigDict

from actors import ANY_KIND, Actor, Audio, Data, Field, Json, Kind, NumpyArray, Params, Text

AUDIO = frozenset({Kind.AUDIO})
TEXT = frozenset({Kind.TEXT})
NUMPY = frozenset({Kind.NUMPY})


class WritesIntoInput(Actor[Params]):
    """Write into the samples that came in."""

    accepts = AUDIO
    produces = ANY_KIND

    def process(self, item: Audio) -> Audio:
        item.samples[:] *= 2
        return item


class MutatesInput(Actor[Params]):
    """Write into an array behind its back."""

    accepts = NUMPY
    produces = ANY_KIND

    def process(self, item: NumpyArray) -> NumpyArray:
        owner = item.array.base if item.array.base is not None else item.array
        owner.flags.writeable = True
        owner[0] += 1
        return item


class ReusesOutput(Actor[Params]):
    """Fill one array for every output."""

    accepts = NUMPY
    produces = ANY_KIND

    def initialize(self) -> None:
        self._count = 0
        self._scratch = np.zeros((2, 8))

    def process(self, item: NumpyArray) -> NumpyArray:
        self._count += 1
        self._scratch[0] = self._count
        return NumpyArray(self._scratch[0])


class MixesSessions(Actor[Params]):
    """Number the items of all sessions of a batch together."""

    accepts = TEXT
    produces = ANY_KIND

    def initialize(self) -> None:
        self._count = 0

    def process_batch(self, work: Sequence[tuple[None, Text]]) -> list[Json]:
        numbers = []
        for _ in work:
            self._count += 1
            numbers.append(Json(self._count))
        return numbers


class SwallowsCancellation(Actor[Params]):
    """Take a cancellation for a failed attempt."""

    accepts = TEXT
    produces = ANY_KIND

    async def process(self, item: Text) -> Text:
        try:
            await trio.sleep(0.05)
        except BaseException:
            self.context.log.warning("never mind")
        return item


class GoesOnForEver(Actor[Params]):
    """Try again for ever, whatever happens."""

    accepts = TEXT
    produces = ANY_KIND

    async def process(self, item: Text) -> Text:
        while True:
            try:
                await trio.sleep(600)
            except BaseException:
                continue


class LeaksThread(Actor[Params]):
    """Start a thread for each session, and leave it."""

    accepts = TEXT
    produces = ANY_KIND

    def initialize(self) -> None:
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    def process(self, item: Text) -> Text:
        return item


class LeaksDescriptor(Actor[Params]):
    """Open a file for each session, and leave it."""

    accepts = TEXT
    produces = ANY_KIND

    def initialize(self) -> None:
        import os

        self._descriptor = os.open("/dev/null", os.O_RDONLY)

    def process(self, item: Text) -> Text:
        return item


_kept: dict[int, NumpyArray] = {}


class KeepsArrays(Actor[Params]):
    """Keep every array that came, for ever."""

    accepts = NUMPY
    produces = ANY_KIND

    def process(self, item: NumpyArray) -> None:
        _kept[id(item)] = item


class WrongKind(Actor[Params]):
    """Return text where it declares JSON."""

    accepts = TEXT
    produces = frozenset({Kind.JSON})

    def process(self, item: Text) -> Text:
        return item


class CountsThoughStateless(Actor[Params]):
    """Number the texts."""

    accepts = TEXT
    produces = ANY_KIND
    stateless = True

    def initialize(self) -> None:
        self._count = 0

    def process(self, item: Text) -> Json:
        self._count += 1
        return Json(self._count)


class ForgetsWhenMoved(Actor[Params]):
    """Number the texts, and begin anew where it moves to."""

    accepts = TEXT
    produces = ANY_KIND
    _count = 0

    def process(self, item: Text) -> Json:
        self._count += 1
        return Json(self._count)

    def export_state(self) -> int:
        return self._count

    def import_state(self, state: int) -> None:
        pass


class MovesObjects(Actor[Params]):
    """Export what is no state."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        return item

    def export_state(self) -> object:
        return {"thing": object()}

    def import_state(self, state: object) -> None:
        pass


class BlocksOnLarge(Actor[Params]):
    """Go through a text once for each of its words."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Json:
        text, words = item.text, 0
        while text and words < 15_000:
            text = text[1:]
            words += 1
        return Json(words)


class BlocksLoop(Actor[Params]):
    """Sleep on the loop."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        if item.text == "a":
            time.sleep(0.3)
        return item


class BreaksOnSilence(Actor[Params]):
    """Divide by the level."""

    accepts = AUDIO
    produces = ANY_KIND

    def process(self, item: Audio) -> Json:
        return Json(1 / len(set(item.samples[:, 0].tolist()) - {0.0}))


class RepeatsFlush(Actor[Params]):
    """Give what is held again and again."""

    accepts = TEXT
    produces = ANY_KIND

    def initialize(self) -> None:
        self._held: list[str] = []

    def process(self, item: Text) -> None:
        self._held.append(item.text)

    def flush(self) -> Text:
        return Text("".join(self._held))


class UncleanStart(Actor[Params]):
    """Let go of what it has only when it was initialized."""

    accepts = TEXT
    produces = ANY_KIND

    def initialize(self) -> None:
        self._file = open("/dev/null")  # noqa: SIM115

    def process(self, item: Text) -> Text:
        return item

    def cleanup(self) -> None:
        self._file.close()


class SharesState(Actor[Params]):
    """Count in the class."""

    accepts = TEXT
    produces = ANY_KIND
    seen: ClassVar[list[str]] = []

    def process(self, item: Text) -> Json:
        self.seen.append(item.text)
        return Json(len(self.seen))


class LooseParams(Params):
    """Params that take anything."""

    model_config = ConfigDict(extra="ignore", strict=False)

    size: int = Field(1, ge=1, description="of something")


class TakesAnyParams(Actor[LooseParams]):
    """Have params that refuse too little."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        return item


class IgnoresClose(Actor[Params]):
    """Go on when the generator is closed."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Iterator[Text]:
        try:
            yield item
            yield item
        except GeneratorExit:
            yield item


class Hangs(Actor[Params]):
    """Never come back on empty text."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        if not item.text:
            time.sleep(600)
        return item


class KnowsItsPlace(Actor[Params]):
    """Say whether it has the process for itself."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        return Text("other" if self.context.node_id == "checked" else "same")


class Dies(Actor[Params]):
    """End the process at the end of the stream."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> None:
        return None

    def flush(self) -> None:
        import os

        os._exit(3)


class Kinds(Actor[Params]):
    """Declare kinds by their names, after the definition of the class has been checked."""

    def process(self, item: Data) -> Data:
        return item


Kinds.accepts = {"text"}  # type: ignore[assignment]


class StubbornSource(Actor[Params]):
    """Take a cancellation for a failed attempt, and try again."""

    produces = TEXT

    async def generate(self) -> AsyncIterator[Text]:
        while True:
            try:
                await trio.sleep(0.01)
            except trio.Cancelled:
                self.context.log.warning("never mind")
            yield Text("a")


class SourceWithoutClose(Actor[Params]):
    """Go on when the generator is closed."""

    produces = TEXT

    def generate(self) -> Iterator[Text]:
        while True:
            try:
                yield Text("a")
            except GeneratorExit:
                self.context.log.warning("never mind")


class OutlivingTask(Actor[Params]):
    """Start a task that nobody owns."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        trio.lowlevel.spawn_system_task(trio.sleep_forever, name="poller")
        return item


class EmitsAfterEnd(Actor[Params]):
    """Emit from a task that nobody owns, after the end."""

    accepts = TEXT
    produces = ANY_KIND

    def process(self, item: Text) -> Text:
        trio.lowlevel.spawn_system_task(self.emit_late, name="late")
        return item

    async def emit_late(self) -> None:
        await trio.sleep(0.05)
        with suppress(RuntimeError):
            await self.context.emit(Text("late"))


class BlockingSource(Actor[Params]):
    """Hold the event loop."""

    produces = TEXT

    async def generate(self) -> AsyncIterator[Text]:
        time.sleep(0.3)
        yield Text("a")


class ReusingSource(Actor[Params]):
    """Fill one array for every item."""

    produces = NUMPY

    async def generate(self) -> AsyncIterator[NumpyArray]:
        scratch = np.zeros((2, 8))
        for number in range(5):
            scratch[0] = number
            yield NumpyArray(scratch[0])
