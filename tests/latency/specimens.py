"""Actors whose time is known."""

import os
import struct
import time
from collections.abc import Iterator

import msgspec
import trio

from actors import Actor, Batch, Data, Field, Params, Text

CONTROL = 3
"""The descriptor of the control socket in a node's process."""


class WorkParams(Params):
    """How long a call takes."""

    seconds: float = Field(0.0, ge=0, le=1, description="of each item")


class Working(Actor[WorkParams]):
    """Work, and pass each item on."""

    def process(self, item: Data) -> Data:
        time.sleep(self.params.seconds)
        return item


class WorkingInThread(Working):
    """The same, in a thread."""

    runs_in_thread = True


class Awaiting(Actor[WorkParams]):
    """Wait for something else, and pass each item on."""

    async def process(self, item: Data) -> Data:
        await trio.sleep(self.params.seconds)
        return item


class Tripling(Actor[WorkParams]):
    """Emit each item three times, and work before each time."""

    def process(self, item: Data) -> Iterator[Data]:
        for _ in range(3):
            time.sleep(self.params.seconds)
            yield item


class Gathering(Actor[WorkParams]):
    """Emit one item for three, and what is left at the end of the stream."""

    def __init__(self, params: WorkParams | None = None, **options: object) -> None:
        super().__init__(params, **options)  # type: ignore[arg-type]
        self._gathered = 0

    def process(self, item: Data) -> Data | None:
        time.sleep(self.params.seconds)
        self._gathered = (self._gathered + 1) % 3
        return None if self._gathered else item

    def flush(self) -> Data | None:
        time.sleep(self.params.seconds)
        return Text("rest") if self._gathered else None


class InBatches(Actor[WorkParams]):
    """Process up to three items in one call, and emit each."""

    batch = Batch(items=3, seconds=0.002)

    def process(self, items: list[Data]) -> list[Data]:
        time.sleep(self.params.seconds)
        return items


class ForgingParams(Params):
    """What a forged hop has."""

    taken_ns: int = Field(0, description="when it claims to have taken an item")


class ForgingHops(Actor[ForgingParams]):
    """Take the process over, and send the server a hop that never was."""

    def process(self, item: Data) -> Data:
        forged = [0, 1, "nobody", 0, 0, self.params.taken_ns, 0, 0, 77, 0, 0]
        body = msgspec.msgpack.encode({"type": "Hops", "hops": [forged]})
        os.write(CONTROL, struct.pack("<I", len(body)) + body)
        return item
