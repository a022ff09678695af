"""The server's side of one node that a batched host runs."""

import errno
import socket
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, Protocol

import trio

from ...errors import LimitError, PipelineError
from ...links import exhausted_resource
from .activity import SharedActivity
from .log_records import NodeRecord, RecordMark
from .node_channel import NodeChannel
from .node_process import Exit, NodeProcess

_READ_BYTES: Final = 65536


class HostOfNodes(Protocol):
    """A batched host, as its nodes need it."""

    @property
    def process(self) -> NodeProcess:
        """Its process."""

    @property
    def hung(self) -> str:
        """How, if it was killed because it hung; empty otherwise."""

    async def dump_stacks(self, seconds: float) -> str:
        """Return the stacks of its threads, as far as they come in time."""

    def suspect(self) -> None:
        """Give it no other node: it has not released one in time."""


class HostedProcess(NodeChannel):
    """A node in a batched host, in place of a process of its own. Whoever has it calls `end`.

    Attributes:
        peak_memory_bytes: 0: that of the host is nobody's own.
    """

    peak_memory_bytes: Final = 0

    def __init__(self, host: HostOfNodes, control: socket.socket, activity: SharedActivity) -> None:
        super().__init__(control, activity)
        self._host = host

    @property
    def pid(self) -> int:
        """The process id of the host."""
        return self._host.process.pid

    @property
    def record_mark(self) -> RecordMark:
        """Begins the lines of the host's output that are records."""
        return self._host.process.record_mark

    @property
    def tail(self) -> deque[str]:
        """The last lines that the host has printed or logged."""
        return self._host.process.tail

    @property
    def hung(self) -> str:
        """How, if the host was killed because it hung; empty otherwise."""
        return self._host.hung

    def is_stopped(self) -> bool:
        """Return False: the host's owner looks after that, for all nodes at once."""
        return False

    async def dump_stacks(self, seconds: float) -> str:
        """Return the stacks of the host's threads, as far as they come in time."""
        return await self._host.dump_stacks(seconds)

    async def read_output(
        self, _line_came: Callable[[str], None], _record_came: Callable[[NodeRecord], None]
    ) -> None:
        """Return: the output is that of the host, which is read by the host's owner."""
        await trio.lowlevel.checkpoint()

    async def wait(self) -> Exit:
        """Wait until the host has ended; return how it did."""
        return await self._host.process.wait()

    async def end(self, *, grace_seconds: float, terminate: bool = True) -> Exit:
        """End the node: close its control socket, and wait until the host has done so too.

        Args:
            grace_seconds: how long the host may take; it is not signalled, as it has other nodes.
            terminate: not used.
        """
        with trio.CancelScope(shield=True):
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
            with trio.move_on_after(grace_seconds) as waiting:
                await self._wait_closed()
            if waiting.cancelled_caught:
                self._host.suspect()
            trio.lowlevel.notify_closing(self._control)
            self._control.close()
            self.activity.close()
        return self._host.process.exit or Exit()

    async def _wait_closed(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._control)
            try:
                if not self._control.recv(_READ_BYTES):
                    return
            except BlockingIOError:
                continue
            except OSError:
                return


RunningNode = NodeProcess | HostedProcess
"""A node that runs, in a process of its own or in a host."""


async def open_hosted_process(host: HostOfNodes) -> HostedProcess:
    """Open a node in a host, which then waits for its NodeSpec. The caller must end it.

    Raises:
        LimitError: this process has no descriptor left.
        PipelineError: the host has ended.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise _refusal(error) from error
    with theirs:
        try:
            node = HostedProcess(host, ours, SharedActivity())
        except OSError as error:
            ours.close()
            raise _refusal(error) from error
        with ExitStack() as opened:
            opened.callback(node.activity.close)
            opened.enter_context(ours)
            try:
                await host.process.pass_descriptor(theirs.fileno())
            except OSError as error:
                raise _refusal(error) from error
            opened.pop_all()
    return node


def _refusal(error: OSError) -> PipelineError | LimitError:
    if error.errno in (errno.EPIPE, errno.ECONNRESET, errno.EBADF):
        return PipelineError("its host has ended")
    reason = exhausted_resource(error.errno or 0)
    if reason:
        return LimitError(f"no node can be opened in a host: {reason}")
    return PipelineError(f"no node can be opened in a host: {error}")
