"""The guard of a Ray worker, with processes that take the places of the worker and the raylet."""

import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.links.socket import (
    BEAT_SECONDS,
    PROCESS_STOPPED,
    SUPERVISOR_ENDED,
    SUPERVISOR_STOPPED,
)
from runtime.socket_process.ray import guard

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
SILENCE_SECONDS = 1.0


@pytest.fixture
def guarded() -> Iterator[SimpleNamespace]:
    """A worker and a raylet that sleep, a guard, and the end of its connection in the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    activity = os.memfd_create("activity")
    os.ftruncate(activity, mmap.PAGESIZE)
    worker = subprocess.Popen(SLEEP, process_group=0)
    raylet = subprocess.Popen(SLEEP)
    ends = [os.pidfd_open(worker.pid), os.pidfd_open(raylet.pid)]
    passed = [theirs.fileno(), activity, *ends]
    numbers = [*passed, worker.pid, raylet.pid]
    program = [sys.executable, "-I", "-S", str(Path(guard.__file__)), *map(str, numbers)]
    watching = subprocess.Popen([*program, str(SILENCE_SECONDS)], pass_fds=passed)
    for descriptor in ends:
        os.close(descriptor)
    theirs.close()
    ours.settimeout(30)
    with ours:
        assert receive(ours) == 0.0
        yield SimpleNamespace(worker=worker, raylet=raylet, server=ours, activity=activity)
    for process in (watching, worker, raylet):
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
    os.close(activity)


def receive(server: socket.socket) -> float:
    """Return the next sign of life."""
    (number,) = struct.unpack("<d", server.recv(8, socket.MSG_WAITALL))
    return float(number)


def last_word(server: socket.socket) -> float:
    while (number := receive(server)) >= 0:
        pass
    return number


def was_killed(process: subprocess.Popen[bytes]) -> bool:
    return process.wait(30) == -signal.SIGKILL


def test_it_tells_how_long_the_running_call_has_lasted(guarded: SimpleNamespace) -> None:
    os.pwrite(guarded.activity, struct.pack("=dd", time.perf_counter() - 5, 0), 0)
    while (seconds := receive(guarded.server)) == 0:
        pass
    assert seconds >= 5


def test_without_its_server_the_worker_is_killed(guarded: SimpleNamespace) -> None:
    guarded.server.close()
    assert was_killed(guarded.worker)


@pytest.mark.parametrize(
    ("who", "number", "word"),
    [
        ("raylet", signal.SIGKILL, SUPERVISOR_ENDED),
        ("raylet", signal.SIGSTOP, SUPERVISOR_STOPPED),
        ("worker", signal.SIGSTOP, PROCESS_STOPPED),
    ],
)
def test_a_worker_that_cannot_go_on_is_reported_and_killed(
    guarded: SimpleNamespace, who: str, number: signal.Signals, word: float
) -> None:
    os.kill(getattr(guarded, who).pid, number)
    assert last_word(guarded.server) == word
    assert was_killed(guarded.worker)


def test_the_guard_and_the_server_have_the_same_interval() -> None:
    assert guard.BEAT_SECONDS == BEAT_SECONDS
