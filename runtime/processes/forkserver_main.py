"""The forkserver: a process that has imported what every node needs, and forks one per request.

It imports iceoryx2 and never creates a Node of it: iceoryx2 would not recognize the death of a
process that was forked from one that had. It has one thread of ours, no event loop, and dies with
the server, taking every child along.

Requests come over a Unix packet socket:

    b"F", the path of another interpreter or nothing, and three descriptors: control socket, report
        pipe, output pipe -> fork; the report pipe gets the process id, and when the process is
        reaped its wait status, each as a signed 64-bit number
    b"K", process id, signal number -> signal the process's whole group, if it is not reaped yet
"""

import contextlib
import os
import select
import signal
import socket
import struct
import sys
from typing import Final

NUMBER: Final = struct.Struct("<q")
KILL: Final = struct.Struct("<cqi")
FORK_DESCRIPTORS: Final = 3
FORK: Final = b"F"
REQUEST_BYTES: Final = 8192
READY: Final = b"R"


class Children:
    """The processes that live, by the descriptor that tells of their end."""

    def __init__(self) -> None:
        self._by_descriptor: dict[int, tuple[int, int]] = {}

    def descriptors(self) -> list[int]:
        """Return a descriptor per child, readable when it has ended."""
        return list(self._by_descriptor)

    def add(self, pid: int, report: int) -> None:
        """Watch a new child."""
        os.write(report, NUMBER.pack(pid))
        self._by_descriptor[os.pidfd_open(pid)] = (pid, report)

    def reap(self, descriptor: int) -> None:
        """Take note of a child's end, and end whatever it started itself."""
        pid, report = self._by_descriptor.pop(descriptor)
        # As long as it is not reaped, nobody else can have its number.
        kill_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(descriptor)
        with contextlib.suppress(BrokenPipeError):
            os.write(report, NUMBER.pack(status))
        os.close(report)

    def kill(self, pid: int, number: int) -> None:
        """Signal a child's group, if the child is still one of ours."""
        if any(pid == child for child, _ in self._by_descriptor.values()):
            kill_group(pid, number)

    def end_all(self) -> None:
        """Kill and reap every child."""
        for pid, _ in self._by_descriptor.values():
            kill_group(pid, signal.SIGKILL)
        for descriptor in self.descriptors():
            self.reap(descriptor)


def kill_group(pid: int, number: int) -> None:
    """Signal a process and its group, which it may not have opened yet."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def serve(requests: socket.socket) -> None:
    """Fork on request until the other end is closed."""
    children = Children()
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    try:
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != requests.fileno():
                    poll.unregister(descriptor)
                    children.reap(descriptor)
                    continue
                data, passed, _, _ = socket.recv_fds(requests, REQUEST_BYTES, FORK_DESCRIPTORS)
                if not data:
                    return
                if data.startswith(FORK):
                    fork(children, os.fsdecode(data[len(FORK) :]), passed)
                    for known in children.descriptors():
                        poll.register(known, select.POLLIN)
                else:
                    _, pid, number = KILL.unpack(data)
                    children.kill(pid, number)
    finally:
        children.end_all()


def fork(children: Children, executable: str, passed: list[int]) -> None:
    """Fork one child; in the child, never return."""
    control, report, output = passed
    try:
        pid = os.fork()
    except OSError as error:
        os.write(report, NUMBER.pack(-(error.errno or 1)))
        for descriptor in passed:
            os.close(descriptor)
        return
    if pid == 0:
        become_child(executable, control, output)
    os.close(control)
    os.close(output)
    children.add(pid, report)


def become_child(executable: str, control: int, output: int) -> None:
    """Keep two descriptors of everything, and run a node with them."""
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        control = os.dup2(control, 3)
        os.set_inheritable(control, False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        if executable:
            os.set_inheritable(control, True)
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            command = [executable, "-m", "runtime.processes.exec_main", str(control)]
            os.execve(executable, command, environment)  # noqa: S606 (of the allow-list)
        from runtime.processes.child import run_node_process

        os._exit(run_node_process(control))
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)


def main() -> None:
    """Import what nodes need, say so, and serve."""
    # The terminal's interrupt is the server's to handle; it closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import runtime.links.shared.reader
    import runtime.links.shared.writer
    import runtime.processes.child  # noqa: F401

    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    try:
        requests.send(READY)
    except BrokenPipeError:
        return  # the server was stopped while this process was starting
    serve(requests)


if __name__ == "__main__":
    main()
