"""What the forkserver knows of the nodes that it has forked, and how it ends them.

Whatever a node starts and lets go of, also what has left its group and its session, is handed to
the node itself, and when that has ended, to the forkserver (PR_SET_CHILD_SUBREAPER on both). So a
child of the forkserver that is no node was started by a node that has ended, and goes too.

One socket ties each node to the server:

    to the server: the node's process id, then its wait status, each as a signed 64-bit number;
        minus errno if it could not be forked. The end says that all it started is reaped too.
    from the server: a byte is a signal for the node's group; the end says that the server wants no
        more of it: then it is killed
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
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


def adopt_descendants() -> None:
    """Become the parent of every descendant whose own parent ends; an exec keeps that."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def send_number(server: socket.socket, number: int) -> None:
    """Tell the server a number, if it is still there."""
    with contextlib.suppress(OSError):
        server.sendall(NUMBER.pack(number))


@dataclass(slots=True, eq=False)
class _Node:
    """A node's process.

    Attributes:
        left: what it has left behind and is killed, but not reaped yet.
    """

    pid: int
    server: socket.socket
    left: set[int] = field(default_factory=set)


class Supervisor:
    """The nodes of one forkserver. It never waits: everything comes as an event of its poll."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._by_process: dict[int, _Node] = {}
        self._by_socket: dict[int, _Node] = {}
        self._ending: list[_Node] = []
        self._orphans: dict[int, int] = {}
        adopt_descendants()

    def add(self, pid: int, server: socket.socket) -> None:
        """Take over a node that was forked, and its socket."""
        node = _Node(pid, server)
        server.setblocking(False)
        send_number(server, pid)
        descriptor = os.pidfd_open(pid)
        self._by_process[descriptor] = node
        self._by_socket[server.fileno()] = node
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(server.fileno(), select.POLLIN)

    def handle(self, descriptor: int) -> None:
        """Do what an event of a descriptor asks for.

        The event may be of an earlier descriptor of that number, closed since the poll.
        """
        if descriptor in self._by_socket:
            self._forward_signals(self._by_socket[descriptor])
        elif not _has_ended(descriptor):
            return
        elif descriptor in self._by_process:
            self._forget(descriptor)
            self._end(self._by_process.pop(descriptor))
        elif descriptor in self._orphans:
            self._forget(descriptor)
            self._reap_orphan(self._orphans.pop(descriptor))

    def end_all(self) -> None:
        """Kill and reap every node and everything that they started."""
        for node in self._by_process.values():
            _kill_group(node.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                # What they in turn have started becomes ours when they end.
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)

    def _forward_signals(self, node: _Node) -> None:
        """Pass signals on; kill what the server has let go of."""
        try:
            numbers = node.server.recv(_SIGNALS_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            numbers = b""
        for number in numbers or bytes([signal.SIGKILL]):
            _kill_group(node.pid, number)
        if not numbers:
            self._poll.unregister(node.server.fileno())
            del self._by_socket[node.server.fileno()]

    def _end(self, node: _Node) -> None:
        """Reap a node that has ended, and kill what it has left behind."""
        if self._by_socket.pop(node.server.fileno(), None) is not None:
            self._poll.unregister(node.server.fileno())
        _kill_group(node.pid, signal.SIGKILL)
        _, status = os.waitpid(node.pid, 0)
        send_number(node.server, status)
        self._ending.append(node)
        self._kill_orphans()
        self._finish()

    def _reap_orphan(self, pid: int) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        for node in self._ending:
            node.left.discard(pid)
        self._kill_orphans()  # its own children have become ours
        self._finish()

    def _kill_orphans(self) -> None:
        """Kill every child that is no node, for all nodes that have ended meanwhile."""
        known = {node.pid for node in self._by_process.values()} | set(self._orphans.values())
        for pid in _children():
            if pid not in known:
                os.kill(pid, signal.SIGKILL)
                descriptor = os.pidfd_open(pid)
                self._orphans[descriptor] = pid
                self._poll.register(descriptor, select.POLLIN)
                for node in self._ending:
                    node.left.add(pid)

    def _finish(self) -> None:
        """Say of each node whose all is gone that it is."""
        for node in self._ending:
            if not node.left:
                node.server.close()
        self._ending = [node for node in self._ending if node.left]

    def _forget(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.close(descriptor)


def _has_ended(process: int) -> bool:
    with contextlib.suppress(OSError):
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PIDFD, process, options) is not None
    return False


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
