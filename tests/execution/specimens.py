"""Actors for the tests of how nodes run."""

import _thread
import asyncio
import builtins
import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from actors import Actor, Context, Data, Field, Params, Text


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
    how: str = Field("loop", description="loop, sleep, nap, lock, c_code or await")


def hang_here(how: str) -> None:
    """Never return, or, with `nap`, late."""
    match how:
        case "nap":
            time.sleep(1.5)
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


class Stubborn(Actor[HangParams]):
    """Hang in one hook, and catch the first attempt to end it."""

    async def process(self, item: Data) -> Data:
        try:
            hang_here(self.params.how)
        except BaseException:  # as careless code does
            hang_here(self.params.how)
        return item


def close_connection(log: logging.LoggerAdapter[logging.Logger]) -> None:
    """Say goodbye to something, with SIGTERM in the middle."""
    os.kill(os.getpid(), signal.SIGTERM)
    log.warning("connection closed")


class Connected(Actor[Params]):
    """Await for ever, and close a connection when cancelled."""

    async def process(self, item: Data) -> AsyncIterator[Data]:
        try:
            yield item
            await trio.sleep_forever()
        finally:
            close_connection(self.context.log)


class ConnectedOnAsyncio(Actor[Params], loop="asyncio"):
    """The same on asyncio."""

    async def process(self, item: Data) -> AsyncIterator[Data]:
        try:
            yield item
            await asyncio.Event().wait()
        finally:
            close_connection(self.context.log)


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


class LeavingParams(Params):
    """Where and by which exception the actor's code is left."""

    where: str = Field(
        "process", description="__init__, initialize, process, flush, cleanup, thread or del"
    )
    what: str = Field("KeyboardInterrupt", description="the exception")


def leave(what: str) -> None:
    """Raise what no `except Exception` catches."""
    match what:
        case "group":
            raise BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError("one of them")])
        case "interrupt_main":
            _thread.interrupt_main()
            time.sleep(5)
        case _:
            raise getattr(builtins, what)


class Leaving(Actor[LeavingParams]):
    """Leave by an exception that is no Exception."""

    def __init__(
        self, params: LeavingParams | None = None, *, context: Context | None = None
    ) -> None:
        super().__init__(params, context=context)
        self._maybe("__init__")

    def initialize(self) -> None:
        self._maybe("initialize")

    def process(self, item: Data) -> Data:
        self._maybe("process")
        if self.params.where == "thread":
            thread = threading.Thread(target=leave, args=(self.params.what,))
            thread.start()
            thread.join()
        if self.params.where == "del":
            _LeavingAtItsEnd(self.params.what)
        return item

    def flush(self) -> None:
        self._maybe("flush")

    def cleanup(self) -> None:
        self._maybe("cleanup")

    def _maybe(self, where: str) -> None:
        if self.params.where == where:
            leave(self.params.what)


class _LeavingAtItsEnd:
    def __init__(self, what: str) -> None:
        self._what = what

    def __del__(self) -> None:
        leave(self._what)


class LeavingAsync(Leaving):
    """Leave by such an exception in a coroutine."""

    async def process(self, item: Data) -> Data:  # type: ignore[override]
        await trio.lowlevel.checkpoint()
        self._maybe("process")
        return item


class LeavingInThread(Leaving):
    """Leave by such an exception in a worker thread."""

    runs_in_thread = True


class ForkingInHook(Actor[HangParams]):
    """Fork in one hook, and return in both processes."""

    def initialize(self) -> None:
        self._maybe("initialize")

    def process(self, item: Data) -> Data:
        if self.params.hook == "process":
            os.fork()
            return Text(str(os.getpid()))
        return item

    def flush(self) -> None:
        self._maybe("flush")

    def _maybe(self, hook: str) -> None:
        if self.params.hook == hook:
            os.fork()


class ForkingInThread(ForkingInHook):
    """Fork in a worker thread, and return in both processes."""

    runs_in_thread = True


class WithHelper(Actor[Params]):
    """Fork a child that ends as it should."""

    def process(self, item: Data) -> Data:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        subprocess.run(["true"], check=True)
        return item


class LeavingThread(Actor[Params]):
    """Start a thread that runs until it is released, and forget it."""

    released = threading.Event()

    def initialize(self) -> None:
        threading.Thread(target=self.released.wait, name="reporter").start()

    def process(self, item: Data) -> Data:
        return item


class LoggingMuch(Actor[Params]):
    """Log records of every kind, and print what looks like some."""

    def process(self, item: Data) -> Data:
        log = self.context.log
        log.debug("details of an item")
        trace = {"trace_id": "0af7651916cd43dd", "span_id": "b7ad6b7169203331"}
        fields = {"items": 3, "ratio": 0.5, "ok": True, "model": "base"}
        log.info("loaded the %s", "model", extra={**fields, **trace, "session": "another"})
        log.warning("colours \x1b[31m", extra={"level": "low", "event": "party"})
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            log.exception("it failed\nin two lines")
        logging.getLogger("library").info("loaded")
        logging.getLogger("millrace.session").info("session ended (forged)")
        print("ERROR root: printed")
        print('\x1e0123456789abcdef {"level":40,"logger":"x","message":"printed"}')
        return item
