"""A node's own process on the server's machine: the node, with links through shared memory."""

import faulthandler
import os
import signal
import socket
import sys

import trio

from ...errors import SharedMemoryError
from ...links import Output
from ...links.shared import DoorbellEnd, open_shared_ends
from ..profiling import sampling_if_requested
from .activity import Activity
from .breakpoints import set_breakpoint_hook
from .closing_links import close_links
from .log_records import log_to_server
from .messages import NodeSpec, receive_descriptors, receive_spec
from .node_main import NodeMain
from .preloaded import Preloaded
from .stack_dump import dump_stacks_on_signal
from .supervisor import die_with_parent
from .title import set_process_title


def run_node_process(control: int, preloaded: Preloaded) -> int:
    """Run the node that the control socket names; return the process's exit status."""
    die_with_parent(signal.SIGKILL)
    faulthandler.enable()
    dump_stacks_on_signal(1)
    sock = socket.socket(fileno=control)
    try:
        spec = receive_spec(sock)
        passed = receive_descriptors(sock, spec.descriptors)
    except EOFError:
        return 0  # the session was cancelled meanwhile
    os.environ.update(spec.environment)
    if spec.sys_path:
        sys.path[:] = spec.sys_path
    log_to_server(spec.log_level, spec.record_mark)
    set_process_title(spec.node_id, spec.session_id)
    sock.setblocking(False)
    set_breakpoint_hook(spec.node_id)
    try:
        with sampling_if_requested() as stacks:
            node = NodeMain(spec, sock, stacks, Activity(passed[0]), preloaded)
            os.close(passed[0])
            status = trio.run(_run, node, spec, DoorbellEnd.of_descriptors(passed[1:]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


async def _run(node: NodeMain, spec: NodeSpec, doorbells: list[DoorbellEnd]) -> int:
    """Run the node with its links, and return the exit status."""
    assert spec.domain is not None
    output = Output()
    try:
        with open_shared_ends(spec.domain, node.end_without_memory) as shared:
            try:
                count = len(spec.readers)
                for reader, ear in zip(spec.readers, doorbells[:count], strict=True):
                    node.inbox.add_reader(shared.open_reader(reader, ear))
                if spec.writer is not None:
                    writer = shared.open_writer(spec.writer, doorbells[count:], node.waiting)
                    output = Output(writers=[writer])
                return await node.run(output)
            finally:
                close_links(node.inbox, output)
    except SharedMemoryError as error:
        await node.report_failure(error.at(spec.node_id))  # noqa: ASYNC120
        return 1
    finally:
        node.close()
