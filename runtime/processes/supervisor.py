"""The process between the forkserver and a node: it outlives the node, and ends what it started.

Whatever a node starts, also what has left its group and its session, is handed to the supervisor
when its parent ends (PR_SET_CHILD_SUBREAPER). So when the node ends, everything that the supervisor
still has as a child is the node's, and goes with it. One socket ties it to the server:

    to the server: the node's process id, then, when the node and all that it started are reaped,
        its wait status, each as a signed 64-bit number; minus errno if it could not be forked
    from the server: a byte is a signal for the node's group; the end says that the server wants no
        more of it, or is gone: then everything is killed
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
from pathlib import Path
from types import FrameType
from typing import Final

NUMBER: Final = struct.Struct("<q")

_PR_SET_PDEATHSIG: Final = 1  # from <sys/prctl.h>
_PR_SET_CHILD_SUBREAPER: Final = 36
_SIGNALS_AT_ONCE: Final = 64


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal to this process when its parent ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)  # it ended before it was asked


class Supervisor:
    """Watches one node's process, in a process of its own that has nothing else.

    Make it before the node is forked, so that no signal is missed.
    """

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._node = 0
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, _noted)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        die_with_parent(signal.SIGTERM)

    def watch(self, node: int) -> None:
        """Follow the node to its end, end what is left of it, and tell the server."""
        self._node = node
        self._tell(node)
        poll = select.poll()
        poll.register(self._server.fileno(), select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while not self._has_ended():
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken in ready and signal.SIGTERM in os.read(self._woken, 4096):
                self._end_all()  # the forkserver is gone; nobody could tell how the node ended
                return
            if self._server.fileno() in ready and not self._obey():
                break
        status = self._end_all()
        self._tell(status)

    def _has_ended(self) -> bool:
        """Return whether the node has ended; reap what it has lost on the way."""
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return False
            if ended.si_pid == self._node:
                return True  # not reaped: nobody else can have its number yet
            os.waitpid(ended.si_pid, 0)

    def _obey(self) -> bool:
        """Pass signals on; return whether the server is still there."""
        numbers = self._server.recv(_SIGNALS_AT_ONCE)
        for number in numbers:
            _kill_group(self._node, number)
        return bool(numbers)

    def _end_all(self) -> int:
        """Kill and reap the node and everything that it started; return its wait status."""
        _kill_group(self._node, signal.SIGKILL)
        _, status = os.waitpid(self._node, 0)
        with contextlib.suppress(ChildProcessError):
            while True:
                # What they in turn have started becomes ours when they end.
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)
        return status

    def _tell(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._server.sendall(NUMBER.pack(number))


def stop_supervising() -> None:
    """Let go of the supervisor's signal handling, in the node that was forked from it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wakeup descriptor tells of it."""


def _kill_group(pid: int, number: int) -> None:
    """Signal a process and its group, which it may not have opened yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, number)


def _children() -> list[int]:
    own = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return int(stat.rpartition(")")[2].split()[1]) == os.getpid()
