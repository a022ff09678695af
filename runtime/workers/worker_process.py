"""The process of a worker, as its supervisor sees it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import trio

END_SECONDS: Final = 20.0
"""How long a worker that is told to end may take. It is killed then: its clean-up has bounds of its
own, which sum up to less unless its event loop does not run any more."""


class WorkerProcess:
    """One process.

    Attributes:
        pid: its process id.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.pid = process.pid
        self._process = process
        self._descriptor = os.pidfd_open(process.pid)

    @property
    def ending(self) -> str:
        """How it has ended."""
        status = self._process.returncode
        if status is not None and status < 0:
            return signal.Signals(-status).name
        return f"exit status {status}"

    @property
    def exit_status(self) -> int | None:
        """Its exit status, minus the signal that has killed it; None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """Kill it; its end is reported as any other."""
        self._process.kill()

    async def end(self) -> None:
        """Wait until it has ended, which it has been told to; kill it if it takes too long."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(END_SECONDS):
                await trio.lowlevel.wait_readable(self._descriptor)
            self._process.kill()  # does nothing once it is reaped
            await trio.lowlevel.wait_readable(self._descriptor)
            self._process.wait()
        os.close(self._descriptor)


def start_worker(
    command: Sequence[str], control: socket.socket, passed: Sequence[socket.socket]
) -> WorkerProcess:
    """Start a worker.

    Not in a thread, as trio would: the kernel would end the worker with that thread. In a session
    of its own, because Ctrl-C in a terminal is for the supervisor alone.

    Args:
        command: to which the descriptor of the control channel is appended.
        control: the worker's end of the channel.
        passed: further sockets that it inherits.

    Raises:
        OSError: the system starts no process.
    """
    descriptors = [each.fileno() for each in (control, *passed)]
    return WorkerProcess(
        subprocess.Popen(  # noqa: S603 (a command of ours)
            [*command, str(control.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
            start_new_session=True,
            # The same modules as here, and none from the current folder before them (-P).
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    )
