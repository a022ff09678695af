"""Supervises the node processes that the forkserver has forked.

A process that a node started becomes a child of the node when its own parent ends, and a child of
the forkserver when the node has ended, even if it has left the node's process group and session
(PR_SET_CHILD_SUBREAPER on both). So a child of the forkserver that is no node was started by a node
that has ended. It is killed.

Each node has a supervision socket, whose other end the server has:

    to the server: the node's process id, then its wait status and the peak of its resident memory
        in bytes, each as a signed 64-bit number; minus errno if it could not be forked. End of
        file: every process that it started is reaped.
    from the server: each byte is the number of a signal for the node's process group. End of file:
        the node is killed.
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
    """Let the kernel send a signal to this process when its parent ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)  # the parent ended before the call


def adopt_descendants() -> None:
    """Become the parent of every descendant whose own parent ends; an exec keeps that."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def send_number(server: socket.socket, number: int) -> None:
    """Send a number to the server; do nothing if the server has closed its end."""
    with contextlib.suppress(OSError):
        server.sendall(NUMBER.pack(number))


@dataclass(slots=True, eq=False)
class _Node:
    """A node's process.

    Attributes:
        left: processes that it started, which are killed and not yet reaped.
    """

    pid: int
    server: socket.socket
    left: set[int] = field(default_factory=set)


class Supervisor:
    """The nodes of one forkserver. It never blocks: every event comes from its poll."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._by_process: dict[int, _Node] = {}
        self._by_socket: dict[int, _Node] = {}
        self._ending: list[_Node] = []
        self._orphans: dict[int, int] = {}
        adopt_descendants()

    def add(self, pid: int, server: socket.socket) -> None:
        """Supervise a node that was forked; kill it at once if no descriptor is left for that."""
        node = _Node(pid, server)
        server.setblocking(False)
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            send_number(server, -(error.errno or 1))
            server.close()
            return
        send_number(server, pid)
        self._by_process[descriptor] = node
        self._by_socket[server.fileno()] = node
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(server.fileno(), select.POLLIN)

    def handle(self, descriptor: int) -> None:
        """Handle an event of a descriptor.

        The event may belong to an earlier descriptor of that number, closed since the poll.
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
        """Kill and reap every node, and every process that they started."""
        for node in self._by_process.values():
            _kill_group(node.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                # The children of a killed process become children of this one.
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)

    def _forward_signals(self, node: _Node) -> None:
        """Forward the server's signals; kill a node whose socket the server has closed."""
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
        """Reap a node that has ended, and kill the processes that it started."""
        if self._by_socket.pop(node.server.fileno(), None) is not None:
            self._poll.unregister(node.server.fileno())
        _kill_group(node.pid, signal.SIGKILL)
        _, status, usage = os.wait4(node.pid, 0)
        send_number(node.server, status)
        send_number(node.server, usage.ru_maxrss * 1024)
        self._ending.append(node)
        self._kill_orphans()
        self._finish()

    def _reap_orphan(self, pid: int) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        for node in self._ending:
            node.left.discard(pid)
        self._kill_orphans()  # its own children have become children of this process
        self._finish()

    def _kill_orphans(self) -> None:
        """Kill every child that is no node. Any node that is ending may have started it."""
        known = {node.pid for node in self._by_process.values()} | set(self._orphans.values())
        for pid in _children():
            if pid not in known:
                os.kill(pid, signal.SIGKILL)
                try:
                    descriptor = os.pidfd_open(pid)
                except OSError:  # no descriptor is left
                    os.waitpid(pid, 0)
                    continue
                self._orphans[descriptor] = pid
                self._poll.register(descriptor, select.POLLIN)
                for node in self._ending:
                    node.left.add(pid)

    def _finish(self) -> None:
        """Close the socket of each ended node whose processes are all reaped."""
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
    """Send a signal to a process and to its group, which may not exist yet."""
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
