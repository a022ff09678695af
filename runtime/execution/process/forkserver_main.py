"""The forkserver: a process that has imported what every node needs, and forks on request.

It imports iceoryx2 and never creates a Node of it: iceoryx2 would not recognize the death of a
process that was forked from one that had. It has one thread of ours, no event loop, and dies with
the server, taking every child along.

A request comes over a Unix packet socket: the path of another interpreter, or nothing, after
b"F"; and three descriptors: control socket, supervision socket, output pipe.
"""

import gc
import os
import select
import signal
import socket
import sys

from ...links.shared import import_shared_memory
from .fork_requests import FORK, FORK_DESCRIPTORS, READY, REQUEST_BYTES
from .supervisor import Supervisor, adopt_descendants, send_number


def serve(requests: socket.socket) -> None:
    """Fork on request until the other end is closed."""
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    supervisor = Supervisor(poll)
    try:
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != requests.fileno():
                    supervisor.handle(descriptor)
                    continue
                data, passed, _, _ = socket.recv_fds(requests, REQUEST_BYTES, FORK_DESCRIPTORS)
                if not data:
                    return
                fork_node(supervisor, os.fsdecode(data[len(FORK) :]), passed)
    finally:
        supervisor.end_all()


def fork_node(supervisor: Supervisor, executable: str, passed: list[int]) -> None:
    """Fork a node, and hand it to the supervisor; in the child, never return."""
    control, supervision, output = passed
    server = socket.socket(fileno=supervision)
    server.set_inheritable(False)
    try:
        pid = os.fork()
    except OSError as error:
        send_number(server, -(error.errno or 1))
        server.close()
    else:
        if pid == 0:
            become_node(executable, control, output)
        supervisor.add(pid, server)
    os.close(control)
    os.close(output)


def become_node(executable: str, control: int, output: int) -> None:
    """Keep two descriptors of everything, and run a node with them."""
    try:
        os.setsid()
        adopt_descendants()
        os.dup2(output, 1)
        os.dup2(output, 2)
        control = os.dup2(control, 3)
        os.set_inheritable(control, False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if executable:
            os.set_inheritable(control, True)
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            # -P: no file of the current folder takes the place of a module of ours.
            main = "runtime.execution.process.exec_main"
            command = [executable, "-P", "-m", main, str(control)]
            os.execve(executable, command, environment)  # noqa: S606 (of the allow-list)
        from runtime.execution.process.child import run_node_process

        os._exit(run_node_process(control))
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        _print_traceback()
    finally:
        os._exit(70)


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()


def main() -> None:
    """Import what nodes need, say so, and serve."""
    # The terminal's interrupt is the server's to handle; it closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import trio

    from . import child  # noqa: F401 (for the nodes)

    import_shared_memory()

    # A first run makes what every other finds made.
    trio.run(trio.lowlevel.checkpoint)
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
