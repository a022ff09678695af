"""The server's side of one node's process."""

import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import trio

from .activity import SharedActivity
from .kernel import is_stopped
from .log_records import NodeRecord, RecordMark
from .node_channel import NodeChannel
from .stack_dump import DUMP_SIGNAL, StackDump
from .supervisor import NUMBER

_TAIL_LINES: Final = 40
_MAX_LINE_BYTES: Final = 64 * 1024
# Then other tasks get a turn. A line takes 25 us where it is written to the log, 7 us where the log
# leaves it out (2026-11-27, 2 cores, under load).
_LINES_PER_TURN: Final = 64
_OUTPUT_BYTES: Final = 16 * 1024
_REAP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: with a status, or by a signal. Neither, if nobody could tell."""

    status: int | None = None
    signal_name: str = ""


class NodeProcess(NodeChannel):
    """A child process, from the fork to the reaping. Whoever has it calls `end`.

    Attributes:
        pid: its process id; 0 before it is forked.
        peak_memory_bytes: the peak of its resident memory, when it has ended.
        hung: how, if it was killed because it hung; empty otherwise.
        control: its control socket.
        record_mark: begins the lines of its output that are records.
        tail: the last lines that it has printed or logged.
    """

    def __init__(
        self,
        control: socket.socket,
        supervision: socket.socket,
        output: int,
        activity: SharedActivity,
    ) -> None:
        super().__init__(control, activity)
        self.pid = 0
        self.peak_memory_bytes = 0
        self.hung = ""
        self.record_mark = RecordMark.new()
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        supervision.setblocking(False)
        self.control = control
        self._supervision = supervision
        self._output = trio.lowlevel.FdStream(output)
        self._is_output_read = False
        self._exit: Exit | None = None
        self._dump: StackDump | None = None
        self._reported = b""
        self._reaping = trio.Lock()

    async def wait_started(self) -> int | None:
        """Wait until the process is forked.

        Returns:
            0; the errno if it cannot be forked; None if the forkserver closed the socket.
        """
        number = await self._read_number()
        if number is None or number < 0:
            self._exit = Exit()
            return None if number is None else -number
        self.pid = number
        return 0

    @property
    def exit(self) -> Exit | None:
        """How it ended; None as long as that is not known."""
        return self._exit

    def is_stopped(self) -> bool:
        """Return whether a signal such as SIGSTOP has stopped the process."""
        return is_stopped(self.pid)

    async def dump_stacks(self, seconds: float) -> str:
        """Return the stacks of the process's threads, as far as they come in time.

        `read_output` has to run meanwhile. A stopped process is continued, and writes them first.
        """
        if not self.pid or self._exit is not None:
            return ""
        self._dump = StackDump()
        for number in (DUMP_SIGNAL, signal.SIGCONT):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
        with trio.move_on_after(seconds):
            await self._dump.complete.wait()
        dump, self._dump = self._dump, None
        return dump.text

    def abandon(self) -> None:
        """Close every descriptor without waiting; the forkserver kills the process."""
        self._control.close()
        self._supervision.close()
        self._output.close()
        self.activity.close()

    async def pass_descriptor(self, descriptor: int) -> None:
        """Pass the control socket of a node to a host.

        Raises:
            OSError: it is gone.
        """
        await self._messages.pass_descriptors([descriptor])

    async def read_output(
        self, line_came: Callable[[str], None], record_came: Callable[[NodeRecord], None]
    ) -> None:
        """Pass on every line that the process, or one that it started, prints, until the end.

        Args:
            line_came: called with a line that was printed.
            record_came: called with a record that was logged.
        """
        self._is_output_read = True
        try:
            await self._read_lines(line_came, record_came)
        finally:
            self._output.close()

    async def _read_lines(
        self, line_came: Callable[[str], None], record_came: Callable[[NodeRecord], None]
    ) -> None:
        pending = b""
        while True:
            try:
                data = await self._output.receive_some(_OUTPUT_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) > _MAX_LINE_BYTES or not data:
                lines.append(pending)
                pending = b""
            for number, line in enumerate(lines, 1):
                record = self.record_mark.record_of(line)
                if record is not None:
                    self.tail.append(record.text)
                    record_came(record)
                else:
                    self._take_line(line.decode(errors="replace").rstrip(), line_came)
                if number % _LINES_PER_TURN == 0:
                    await trio.lowlevel.checkpoint()
            if not data:
                return

    def _take_line(self, text: str, line_came: Callable[[str], None]) -> None:
        if text and (self._dump is None or not self._dump.take(text)):
            self.tail.append(text)
            line_came(text)

    async def wait(self) -> Exit:
        """Wait until the process, and all that it started, is reaped; return how it ended."""
        async with self._reaping:
            if self._exit is None:
                if not self.pid:  # whoever waited for its start was cancelled
                    self.pid = await self._read_number() or 0
                exited = _as_exit(await self._read_number())
                self.peak_memory_bytes = await self._read_number() or 0
                await self._read_number()  # its end, when all that it started is reaped too
                self._exit = exited
        return self._exit

    async def end(self, *, grace_seconds: float, terminate: bool = True) -> Exit:
        """End the process: close its control socket, SIGTERM, SIGKILL after the grace, reap it.

        Args:
            grace_seconds: how long it may take to end by itself.
            terminate: whether to signal at once; a process that has finished its work need not be.
        """
        with trio.CancelScope(shield=True):
            self._control.close()
            if terminate:
                self._signal(signal.SIGTERM)
            with trio.move_on_after(grace_seconds):
                await self.wait()
            if self._exit is None:
                self._signal(signal.SIGKILL)
                with trio.move_on_after(_REAP_SECONDS):
                    await self.wait()
            if self._exit is None or self._exit == Exit():
                await self._kill_directly()
            trio.lowlevel.notify_closing(self._supervision)
            self._supervision.close()
            if not self._is_output_read:  # else the reader closes it, at its end
                self._output.close()
            self.activity.close()
        return self._exit or Exit()

    async def _kill_directly(self) -> None:
        """Kill the process and its group where no forkserver does it any more.

        The node process itself ends with its forkserver; what it has started does not.
        """
        if not self.pid:
            return
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            with trio.move_on_after(_REAP_SECONDS):
                await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)

    def _signal(self, number: int) -> None:
        if self._exit is None:
            with suppress(OSError):  # it is gone, and took everything along
                self._supervision.send(bytes([number]))

    async def _read_number(self) -> int | None:
        while len(self._reported) < NUMBER.size:
            await trio.lowlevel.wait_readable(self._supervision)
            try:
                data = self._supervision.recv(NUMBER.size - len(self._reported))
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                return None
            self._reported += data
        reported, self._reported = self._reported, b""
        number: int = NUMBER.unpack(reported)[0]
        return number


def _as_exit(wait_status: int | None) -> Exit:
    if wait_status is None:
        return Exit()
    code = os.waitstatus_to_exitcode(wait_status)
    if code >= 0:
        return Exit(status=code)
    return Exit(signal_name=signal.Signals(-code).name)
