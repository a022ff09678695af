"""A forkserver that outlives event loops, so that it stays warm for a whole test session."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..execution.process import Forkserver, forkserver_command, forkserver_environment


@dataclass(frozen=True, slots=True)
class WarmForkserver:
    """A forkserver, and its process id."""

    forkserver: Forkserver
    pid: int


@contextmanager
def open_warm_forkserver() -> Iterator[WarmForkserver]:
    """Run a forkserver for the duration of the block; use it from one event loop at a time."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 (this interpreter and our own module)
            forkserver_command(theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=forkserver_environment(),
        )
    with ours:
        if not ours.recv(1):
            raise RuntimeError("the forkserver did not start; standard error has the reason")
        ours.setblocking(False)
        yield WarmForkserver(Forkserver(ours, process.pid), process.pid)
    process.wait()
