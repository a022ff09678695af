"""Starts the guard of a Ray worker."""

import mmap
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Final

from ..call_clock import CallTimes
from ..process import NodeActivity
from . import guard

_PROGRAM: Final = Path(guard.__file__)


class GuardedActivity(NodeActivity):
    """What the actor is doing, in memory that the guard reads. Close it.

    Attributes:
        descriptor: of the memory.
    """

    def __init__(self, tap_memory: memoryview) -> None:
        self.descriptor = os.memfd_create("millrace-activity")
        os.ftruncate(self.descriptor, mmap.PAGESIZE)
        self._memory = mmap.mmap(self.descriptor, mmap.PAGESIZE)
        self._times = memoryview(self._memory).cast("d")
        self._tap_memory = tap_memory

    @property
    def times(self) -> CallTimes:
        """When the last call began and ended."""
        return self._times

    @property
    def tap_memory(self) -> memoryview:
        """Memory for outputs that a tap collects later."""
        return self._tap_memory


Signs = Callable[[socket, GuardedActivity], AbstractAsyncContextManager[None]]


def guarded_pulse(silence_seconds: float) -> Signs:
    """Return a function that gives signs of life from a process of its own.

    A thread of the worker could not: a call of the actor in C code that holds Python's global lock
    stops it, for as long as a model library needs to load.
    """

    @asynccontextmanager
    async def give(sock: socket, activity: GuardedActivity) -> AsyncIterator[None]:
        worker, supervisor = os.getpid(), os.getppid()
        passed = [sock.fileno(), activity.descriptor]
        try:
            passed += [os.pidfd_open(worker), os.pidfd_open(supervisor)]
            numbers = [*passed, worker, supervisor]
            command = [sys.executable, "-I", "-S", str(_PROGRAM), *map(str, numbers)]
            # A blocking start: nothing else is to do here before, and the fork takes 2 ms.
            process = subprocess.Popen(  # noqa: S603
                [*command, str(silence_seconds)],
                stdin=subprocess.DEVNULL,
                pass_fds=passed,
                process_group=0,
            )
        finally:
            for descriptor in passed[2:]:
                os.close(descriptor)
        try:
            yield
        finally:
            with suppress(OSError):  # the server is gone
                sock.shutdown(SHUT_RDWR)
            process.kill()
            process.wait()

    return give
