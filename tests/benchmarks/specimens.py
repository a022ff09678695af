"""Actors for the measurements."""

import ctypes
import time
from dataclasses import replace
from typing import Any

import numpy as np

from actors import Actor, Binary, Data, Field, Json, Kind, Params, Video


class StampParams(Params):
    """The payload."""

    size: int = Field(640, ge=8, description="in bytes")
    loan: bool = Field(False, description="fill a loaned array, rather than a private one")
    scratch: int = Field(0, ge=0, description="bytes of its own that it writes for every item")


class Stamp(Actor[StampParams]):
    """Return for every item a payload that begins with the time at which it was complete."""

    produces = frozenset({Kind.BINARY})

    def initialize(self) -> None:
        self._payload = np.zeros(self.params.size, np.uint8)
        self._scratch = np.zeros(self.params.scratch, np.uint8)

    def process(self, item: Data) -> Binary:
        self._scratch[:] = 1
        payload = self.context.loan(self.params.size, np.uint8) if self.params.loan else None
        if payload is None:
            payload = self._payload.copy()
        else:
            payload[8:] = 1
        payload[:8].view(np.uint64)[0] = time.monotonic_ns()
        return Binary(payload)


class Age(Actor[Params]):
    """Return the age of each payload in nanoseconds, without reading the rest of it."""

    accepts = frozenset({Kind.BINARY})
    produces = frozenset({Kind.JSON})

    def process(self, item: Binary) -> Json:
        now = time.monotonic_ns()
        return Json(now - int(item.data[:8].view(np.uint64)[0]))


class AsyncPassThrough(Actor[Params]):
    """Return every item unchanged, from an async hook."""

    async def process(self, item: Data) -> Data:
        return item


class PassCopy(Actor[Params]):
    """Return each frame in an array that does not tell where its memory comes from."""

    def process(self, item: Video) -> Video:
        pixels = item.pixels
        self._last = item  # keeps the memory until it is copied
        address = pixels.__array_interface__["data"][0]
        unknown = (ctypes.c_ubyte * pixels.nbytes).from_address(address)
        return replace(item, pixels=np.frombuffer(memoryview(unknown).cast("B"), np.uint8))


SPECIMENS: dict[str, type[Actor[Any]]] = {
    "Stamp": Stamp,
    "Age": Age,
    "AsyncPassThrough": AsyncPassThrough,
    "PassCopy": PassCopy,
}
