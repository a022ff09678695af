"""Actors that the kit's own tests run."""

from collections.abc import Iterator

import numpy as np
import trio

from actors import Actor, Audio, Data, Field, Json, Kind, NumpyArray, Params, Text


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

    def initialize(self) -> None:
        self._kept: list[NumpyArray] = []

    def process(self, item: NumpyArray) -> None:
        self._kept.append(item)

    def flush(self) -> Json:
        return Json(len(self._kept))
