"""The forkserver: a process that has imported what every node needs, and forks on request.

It imports iceoryx2 and never creates a Node of it: iceoryx2 would not recognize the death of a
process that was forked from one that had. It has one thread of ours, no event loop, and dies with
the server, taking every child along.

A request comes over a Unix packet socket: the path of another interpreter, or nothing, after
b"F"; and three descriptors: control socket, supervisor's socket, output pipe. Each makes two
processes, a supervisor and its node. When both are reaped, the supervisor's socket is closed.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from typing import Final

from .supervisor import NUMBER, Supervisor, stop_supervising

FORK_DESCRIPTORS: Final = 3
FORK: Final = b"F"
REQUEST_BYTES: Final = 8192
READY: Final = b"R"


def serve(requests: socket.socket) -> None:
    """Fork on request until the other end is closed."""
    # Process id and socket, by the descriptor that tells of the end.
    supervisors: dict[int, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    try:
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != requests.fileno():
                    poll.unregister(descriptor)
                    pid, server = supervisors.pop(descriptor)
                    os.waitpid(pid, 0)
                    os.close(descriptor)
                    os.close(server)
                    continue
                data, passed, _, _ = socket.recv_fds(requests, REQUEST_BYTES, FORK_DESCRIPTORS)
                if not data:
                    return
                pid = fork_supervisor(os.fsdecode(data[len(FORK) :]), passed)
                if pid:
                    descriptor = os.pidfd_open(pid)
                    supervisors[descriptor] = pid, passed[1]
                    poll.register(descriptor, select.POLLIN)
    finally:
        for pid, _ in supervisors.values():
            os.kill(pid, signal.SIGTERM)
        for pid, _ in supervisors.values():
            os.waitpid(pid, 0)


def fork_supervisor(executable: str, passed: list[int]) -> int:
    """Fork, and return the process id, or 0 if there is none; in the child, never return.

    Of what was passed, the supervisor's socket stays open if there is a process.
    """
    control, server, output = passed
    try:
        pid = os.fork()
    except OSError as error:
        _tell_failure(server, error)
        os.close(server)
        pid = 0
    else:
        if pid == 0:
            _supervise(executable, control, server, output)
    os.close(control)
    os.close(output)
    return pid


def _supervise(executable: str, control: int, server: int, output: int) -> None:
    """Fork the node, watch it, and exit with it."""
    status = 70
    try:
        os.setsid()
        _keep_only(control, server, output)
        supervisor = Supervisor(socket.socket(fileno=server))
        try:
            node = os.fork()
        except OSError as error:
            _tell_failure(server, error)
            return
        if node == 0:
            become_node(executable, control, output)
        os.close(control)
        os.close(output)
        supervisor.watch(node)
        status = 0
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        _print_traceback()
    finally:
        os._exit(status)


def become_node(executable: str, control: int, output: int) -> None:
    """Keep two descriptors of everything, and run a node with them."""
    try:
        os.setsid()
        stop_supervising()
        os.dup2(output, 1)
        os.dup2(output, 2)
        control = os.dup2(control, 3)
        os.set_inheritable(control, False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        if executable:
            os.set_inheritable(control, True)
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            command = [executable, "-m", "runtime.processes.exec_main", str(control)]
            os.execve(executable, command, environment)  # noqa: S606 (of the allow-list)
        from runtime.processes.child import run_node_process

        os._exit(run_node_process(control))
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        _print_traceback()
    finally:
        os._exit(70)


def _keep_only(*descriptors: int) -> None:
    """Close what belongs to the forkserver: its requests, and its view of other children."""
    low = 3
    for descriptor in sorted(descriptors):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _tell_failure(server: int, error: OSError) -> None:
    with contextlib.suppress(OSError):
        os.write(server, NUMBER.pack(-(error.errno or 1)))


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()


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
    gc.freeze()  # what is here already is shared with the children as long as nobody touches it
    serve(requests)


if __name__ == "__main__":
    main()
