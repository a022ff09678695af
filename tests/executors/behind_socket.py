"""An executor whose nodes run in processes of this machine, behind sockets on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from runtime import NodeError, RuntimeConfig
from runtime.config import ExecutorSettings
from runtime.executors import ExecutorFactory, NodeTask, Place, run_socket_node
from runtime.links.socket import Address

_LONGEST_LINE = 4096


class SocketExecutor:
    """Starts a process for each node, and tells it the secret over its standard input."""

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the node failed, or its process ended.
        """
        failures: list[BaseException] = []
        async with trio.open_nursery() as nursery:
            start = partial(
                trio.run_process,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                check=False,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                deliver_cancel=_end,
            )
            process = await nursery.start(start, [sys.executable, "-m", "tests.executors.worker"])
            task.pid = process.pid
            nursery.start_soon(_report_exit, task, process, failures, nursery.cancel_scope)
            try:
                address = await _address_of(process, task)
                await run_socket_node(task, address, is_local=True)
            except NodeError as error:
                failures.append(error)
            nursery.cancel_scope.cancel()
        if failures:
            raise failures[0]


async def _report_exit(
    task: NodeTask, process: trio.Process, failures: list[BaseException], scope: trio.CancelScope
) -> None:
    status = await process.wait()
    await trio.sleep(0.2)  # what it has said itself comes first
    if not task.released.is_set() and not failures:
        failures.append(NodeError(task.node_id, f"its process ended: {status}"))
        scope.cancel()


async def _address_of(process: trio.Process, task: NodeTask) -> Address:
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.send_all(task.socket_ends().secret.key.hex().encode() + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        data = await process.stdout.receive_some(_LONGEST_LINE)
        if not data:
            await trio.sleep_forever()  # it has ended, which is reported
        line += data
    host, port = json.loads(line)
    return host, port


async def _end(process: trio.Process) -> None:
    process.kill()


@asynccontextmanager
async def open_behind_socket(
    _config: RuntimeConfig, _settings: ExecutorSettings
) -> AsyncIterator[SocketExecutor]:
    """Open the executor."""
    yield SocketExecutor()


BEHIND_SOCKET = ExecutorFactory(open=open_behind_socket, uses_processes=True, place=Place.SOCKET)
