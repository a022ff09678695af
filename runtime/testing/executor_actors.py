"""Actors for the checks of executors. A process of a node imports this, and little else."""

from collections.abc import AsyncIterator

import trio

from actors import ANY_KIND, Actor, Control, Data, Field, Json, Kind, Params, Text


class ProbeParams(Params):
    """What a probe does, and in which hook."""

    fails_in: str = Field("", description="the hook that raises; empty for none")
    hangs_in: str = Field("", description="the hook that never returns; empty for none")
    process_seconds: float = Field(0.0, ge=0, le=60, description="of each call of process")


class Probe(Actor[ProbeParams]):
    """Pass items on, and misbehave in one hook."""

    accepts = ANY_KIND
    produces = ANY_KIND

    async def initialize(self) -> None:
        """Report progress, and do what the params say."""
        self.context.progress(0.5, "half of it")
        await self._do("initialize")

    async def process(self, item: Data) -> Data:
        """Return the item."""
        if isinstance(item, Text) and item.text == "hang":
            await trio.sleep_forever()
        await self._do("process")
        if self.params.process_seconds:
            await trio.sleep(self.params.process_seconds)
        return item

    async def flush(self) -> None:
        """Do what the params say."""
        await self._do("flush")

    async def cleanup(self) -> None:
        """Do what the params say."""
        await self._do("cleanup")

    async def _do(self, hook: str) -> None:
        if self.params.fails_in == hook:
            raise RuntimeError(f"this {hook} always fails")
        if self.params.hangs_in == hook:
            await trio.sleep_forever()


class CountParams(Params):
    """How many items to generate."""

    items: int = Field(20, ge=0, le=10_000, description="to generate")


class Counter(Actor[CountParams]):
    """Generate numbers."""

    produces = frozenset({Kind.JSON})

    async def generate(self) -> AsyncIterator[Json]:
        """Yield the numbers from 0 on."""
        for number in range(self.params.items):
            yield Json(number)


class ControlWatcher(Actor[Params]):
    """Answer each item with the control messages that it has been told before it."""

    accepts = ANY_KIND
    produces = frozenset({Kind.JSON})

    def initialize(self) -> None:
        """Begin with none."""
        self._told: list[str] = []

    def on_control(self, control: Control) -> None:
        """Note a message."""
        self._told.append(type(control.message).__name__)

    def process(self, item: Data) -> Json | None:
        """Return the messages so far."""
        return None if isinstance(item, Control) else Json(list(self._told))
