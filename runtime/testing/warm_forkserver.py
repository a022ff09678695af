"""A forkserver that outlives event loops, so that a whole test session has one that is warm."""

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
    """Start a forkserver, and end it with the block. Use it from one event loop at a time."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 (this interpreter, and a module of ours)
            forkserver_command(theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=forkserver_environment(),
        )
    with ours:
        if not ours.recv(1):
            raise RuntimeError("the forkserver did not start; stderr says why")
        ours.setblocking(False)
        yield WarmForkserver(Forkserver(ours), process.pid)
    process.wait()
