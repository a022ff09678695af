"""Starts the guard of a Ray worker."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Final

from ...execution.process.behind_socket import GiveSigns, PrivateActivity
from . import guard

_PROGRAM: Final = Path(guard.__file__)


def guarded_pulse(silence_seconds: float) -> GiveSigns:
    """Return a function that gives signs of life from a process of its own.

    A thread of the worker could not: a call of the actor in C code that holds Python's global lock
    stops it, for as long as a model library needs to load.
    """

    @asynccontextmanager
    async def give(sock: socket, activity: PrivateActivity) -> AsyncIterator[None]:
        worker, supervisor = os.getpid(), os.getppid()
        passed = [sock.fileno(), activity.descriptor]
        try:
            passed += [os.pidfd_open(worker), os.pidfd_open(supervisor)]
            numbers = [*passed, worker, supervisor]
            command = [sys.executable, "-I", "-S", str(_PROGRAM), *map(str, numbers)]
            # It blocks for 2 ms, in which nothing else is to do here.
            process = subprocess.Popen(  # noqa: ASYNC220, S603
                [*command, str(silence_seconds)],
                stdin=subprocess.DEVNULL,
                pass_fds=passed,
                start_new_session=True,
            )
        finally:
            for descriptor in passed[2:]:
                os.close(descriptor)
        try:
            yield
        finally:
            # The guard now sees to it that this process ends soon: Ray needs half a second for it.
            with suppress(OSError):  # the server is gone
                sock.shutdown(SHUT_RDWR)
            process.wait()  # what it has forked is the guard

    return give
