"""Reports of forked copies of the server, before they end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import trio

_SEPARATOR: Final = "\x1f"
_READ_BYTES: Final = 65536
_END_SECONDS: Final = 5.0


class ForkReports:
    """A pipe from the copies to the server. A report is short, so that it is written whole."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def send(self, key: str, hook: str) -> None:
        """Send a report; called in the copy."""
        report = _SEPARATOR.join((key, hook, str(os.getpid())))
        os.write(self._outgoing, f"{report}\n".encode())

    async def receive(self, handle: Callable[[str, str], None]) -> None:
        """Call `handle` with the key and the hook of every report."""
        received = b""
        while True:
            await trio.lowlevel.wait_readable(self._incoming)
            *lines, received = (received + os.read(self._incoming, _READ_BYTES)).split(b"\n")
            for line in lines:
                key, hook, pid = line.decode().split(_SEPARATOR)
                handle(key, hook)
                await _reap(int(pid))


async def _reap(pid: int) -> None:
    """Reap a copy, which ends after its report, unless the node itself has done so.

    A runtime that closes waits for it too, for a bounded time.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        with trio.move_on_after(_END_SECONDS, shield=True):
            await trio.lowlevel.wait_readable(descriptor)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 (it has ended)
    finally:
        os.close(descriptor)


@contextmanager
def open_fork_reports() -> Iterator[ForkReports]:
    """Open the pipe for as long as the block lasts."""
    incoming, outgoing = os.pipe()
    os.set_blocking(incoming, False)
    os.set_blocking(outgoing, False)
    try:
        yield ForkReports(incoming, outgoing)
    finally:
        os.close(incoming)
        os.close(outgoing)
