"""Actors for the tests of how nodes run."""

import ctypes
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from actors import Actor, Data, Field, Params


class Holding(Actor[Params]):
    """Keep the last items, as a window does."""

    def initialize(self) -> None:
        self._window: list[Data] = []

    def process(self, item: Data) -> Data:
        self._window = [*self._window[-3:], item]
        return item


class HangParams(Params):
    """Where and how it hangs."""

    hook: str = Field("process", description="initialize, process or flush")
    how: str = Field("loop", description="loop, sleep, lock, c_code or await")


def hang_here(how: str) -> None:
    """Never return."""
    match how:
        case "loop":
            while True:
                pass
        case "sleep":
            time.sleep(3600)
        case "lock":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case "c_code":
            ctypes.PyDLL(None).sleep(3600)  # with the interpreter's lock


class Hanging(Actor[HangParams]):
    """Hang in one hook."""

    def initialize(self) -> None:
        self._maybe("initialize")

    def process(self, item: Data) -> Data:
        self._maybe("process")
        return item

    def flush(self) -> None:
        self._maybe("flush")

    def _maybe(self, hook: str) -> None:
        if self.params.hook == hook:
            hang_here(self.params.how)


class HangingAsync(Actor[HangParams]):
    """Hang in one async hook."""

    async def initialize(self) -> None:
        await self._maybe("initialize")

    async def process(self, item: Data) -> AsyncIterator[Data]:
        await self._maybe("process")
        yield item

    async def _maybe(self, hook: str) -> None:
        if self.params.hook == hook:
            await await_here()


async def await_here() -> None:
    """Never return."""
    await trio.sleep_forever()


class HangingInThread(Actor[HangParams]):
    """Hang in a worker thread, until a file appears."""

    runs_in_thread = True

    def process(self, item: Data) -> Data:
        wait_in_thread(self.params.how)
        return item


def wait_in_thread(path: str) -> None:
    """Return when somebody writes to a named pipe."""
    Path(path).read_text()


class Impatient(HangingAsync):
    """Hang, and declare how long a call may last."""

    process_timeout_secs = 0.5
