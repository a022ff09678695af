"""The server's side of the forkserver."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from ...errors import PipelineError
from .fork_requests import FORK, READY
from .node_process import NodeProcess

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 10.0


class Forkserver:
    """Makes processes for nodes, each fresh from a parent that has imported what they need."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._turn = trio.Lock()

    async def fork(self, executable: str | None = None) -> NodeProcess:
        """Return a new process that waits for its NodeSpec. Whoever asked must end it.

        Args:
            executable: the path of another Python interpreter, which has this package too.

        Raises:
            PipelineError: the forkserver is gone, or the system has no process left.
        """
        control, child_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        supervision, child_supervision = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        output, child_output = os.pipe()
        try:
            request = FORK + os.fsencode(executable or "")
            descriptors = [child_control.fileno(), child_supervision.fileno(), child_output]
            await self._request(request, descriptors)
        except BaseException:
            control.close()
            supervision.close()
            os.close(output)
            raise
        finally:
            child_control.close()
            child_supervision.close()
            os.close(child_output)
        process = NodeProcess(control, supervision, output)
        try:
            await process.wait_started()
        except BaseException:
            await process.end(grace_seconds=0)  # noqa: ASYNC102 (it shields itself)
            raise
        return process

    async def _request(self, request: bytes, descriptors: list[int]) -> None:
        async with self._turn:
            while True:
                try:
                    socket.send_fds(self._requests, [request], descriptors)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._requests)
                except OSError as error:
                    raise PipelineError(f"the forkserver is gone: {error}") from error
                else:
                    return


def forkserver_command(descriptor: int) -> list[str]:
    """Return the command that starts a forkserver on an inherited packet socket.

    With -P, so that no file of the current folder is imported in place of a module of ours.
    """
    return [sys.executable, "-P", "-m", f"{__package__}.forkserver_main", str(descriptor)]


def forkserver_environment() -> dict[str, str]:
    """Return the environment in which it finds the same modules as this process."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@asynccontextmanager
async def open_forkserver() -> AsyncIterator[Forkserver]:
    """Start a forkserver, and wait until it is warm; at the end it takes all its children along.

    Raises:
        PipelineError: it does not start.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = await trio.lowlevel.open_process(
                forkserver_command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=forkserver_environment(),
                start_new_session=True,
            )
        try:
            ours.setblocking(False)
            with trio.move_on_after(_START_SECONDS) as waiting:
                await trio.lowlevel.wait_readable(ours)
                if ours.recv(len(READY)) != READY:
                    raise PipelineError("the forkserver did not start; stderr says why")
            if waiting.cancelled_caught:
                raise PipelineError(f"the forkserver was not ready after {_START_SECONDS:g} s")
            yield Forkserver(ours)
        finally:
            ours.close()
            with trio.CancelScope(shield=True):
                with trio.move_on_after(_END_SECONDS):
                    await process.wait()
                if process.returncode is None:
                    process.send_signal(signal.SIGKILL)
                    await process.wait()
