"""The forkserver: a process that has imported what every node needs, and forks on request.

It imports iceoryx2 and never creates a Node of it: iceoryx2 would not recognize the death of a
process that was forked from one that had. It has one thread, no event loop, and ends with the
server, together with every node process. See `fork_requests` for what it receives.
"""

import gc
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Never

from ...links.shared import import_shared_memory
from .fork_requests import FORK, FORK_DESCRIPTORS, PING, READY, REQUEST_BYTES, TEMPLATE
from .kernel import UNREPORTED
from .preloaded import Preloaded
from .supervisor import Supervisor, adopt_descendants, send_number


def serve(requests: socket.socket, preloaded: Preloaded) -> None:
    """Serve requests until the other end is closed; nodes get what is preloaded."""
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    supervisor = Supervisor(poll)
    limits = _raise_descriptor_limit()
    try:
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != requests.fileno():
                    supervisor.handle(descriptor)
                    continue
                try:
                    data, passed, _, _ = socket.recv_fds(requests, REQUEST_BYTES, FORK_DESCRIPTORS)
                except ConnectionResetError:  # closed with an answer unread
                    return
                if not data:
                    return
                if data == PING:
                    requests.send(PING)
                elif data == TEMPLATE:
                    fork_process(supervisor, passed, partial(become_template, limits=limits))
                else:
                    executable = os.fsdecode(data[len(FORK) :])
                    run = partial(become_node, executable, limits=limits, preloaded=preloaded)
                    fork_process(supervisor, passed, run)
    finally:
        supervisor.end_all()


def fork_process(
    supervisor: Supervisor, passed: Sequence[int], run: Callable[[int, int], Never]
) -> None:
    """Fork a node or a template and give it to the supervisor; in the child, never return.

    Args:
        supervisor: watches the node's process.
        passed: the descriptors of the request. Those that this process has no room for are missing,
            and their other ends see that they are closed.
        run: runs in the child, with the control socket and the pipe for the output.
    """
    if len(passed) < FORK_DESCRIPTORS:
        for descriptor in passed:
            os.close(descriptor)
        return
    supervision, control, output = passed
    server = socket.socket(fileno=supervision)
    server.set_inheritable(False)
    try:
        pid = os.fork()
    except OSError as error:
        send_number(server, -(error.errno or 1))
        server.close()
    else:
        if pid == 0:
            run(control, output)
        supervisor.add(pid, server)
    os.close(control)
    os.close(output)


def become_template(control: int, output: int, *, limits: tuple[int, int]) -> Never:
    """Preload, and serve fork requests, in a process of its own."""
    try:
        control = _keep_descriptors(control, output, limits)
        from runtime.execution.process.template_main import run_template

        os._exit(run_template(control, serve))
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        _print_traceback()
    finally:
        os._exit(UNREPORTED)


def _keep_descriptors(control: int, output: int, limits: tuple[int, int]) -> int:
    """Close every descriptor but the standard ones and the control socket; return that one."""
    os.setsid()
    adopt_descendants()
    os.dup2(output, 1)
    os.dup2(output, 2)
    control = os.dup2(control, 3)
    os.set_inheritable(control, False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    return control


def become_node(
    executable: str, control: int, output: int, *, limits: tuple[int, int], preloaded: Preloaded
) -> Never:
    """Run a node; `executable` is the path of another interpreter, or empty for this one."""
    try:
        control = _keep_descriptors(control, output, limits)
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

        os._exit(run_node_process(control, preloaded))
    except BaseException:  # noqa: ASYNC103, BLE001 (only the child comes here)
        _print_traceback()
    finally:
        os._exit(UNREPORTED)


def _raise_descriptor_limit() -> tuple[int, int]:
    """Raise this process's limit: it has two descriptors for each node. Return the limits before.

    The nodes get the limits before: a high one slows down programs that close all descriptors.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()


def main() -> None:
    """Import what nodes need, report it, and serve."""
    # The server handles the terminal's Ctrl-C, and then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from . import child  # noqa: F401 (for the nodes)
    from .title import set_process_title
    from .warm_up import warm_up

    import_shared_memory()
    set_process_title("forkserver", "")
    warm_up()
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    try:
        requests.send(READY)
    except BrokenPipeError:
        return  # the server was stopped while this process was starting
    gc.freeze()  # pages of what is here already stay shared as long as nobody writes to them
    serve(requests, Preloaded())


if __name__ == "__main__":
    main()
