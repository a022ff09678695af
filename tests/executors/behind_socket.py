"""An executor whose nodes run in processes of this machine, behind sockets on loopback."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import trio

from runtime import NodeError, RuntimeConfig
from runtime.config import ExecutorSettings
from runtime.executors import ExecutorFactory, NodeTask, Place, run_socket_node
from runtime.links.socket import Address


@dataclass(eq=False)
class _Worker:
    """The process of one node."""

    pid: int = 0
    address: Address = ("", 0)
    listens: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)


class SocketExecutor:
    """Asks a process for a fork for each node, and tells it the secret over a pipe."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._workers: dict[int, _Worker] = {}
        self._sending = trio.Lock()

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the node failed, or its process ended.
        """
        worker = await self._start(task)

        async def why_ended() -> str:
            await worker.ended.wait()
            return "as the kernel reports"

        try:
            await worker.listens.wait()
            if worker.ended.is_set():
                raise NodeError(task.node_id, "its process ended before it listened")
            task.pid = worker.pid
            await run_socket_node(task, worker.address, is_local=True, why_ended=why_ended)
        finally:
            with trio.move_on_after(5, shield=True):
                await worker.listens.wait()
                with suppress(ProcessLookupError):
                    if not worker.ended.is_set():
                        os.kill(worker.pid, signal.SIGKILL)
                await worker.ended.wait()

    async def _start(self, task: NodeTask) -> _Worker:
        number = next(self._numbers)
        worker = self._workers[number] = _Worker()
        request = {"number": number, "secret": task.socket_ends().secret.key.hex()}
        assert self._process.stdin is not None
        async with self._sending:
            with trio.CancelScope(shield=True):  # not half a line
                await self._process.stdin.send_all(json.dumps(request).encode() + b"\n")
        return worker

    async def follow(self) -> None:
        """Take what the process reports, until it ends."""
        assert self._process.stdout is not None
        received = b""
        async for data in self._process.stdout:
            *lines, received = (received + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                worker = self._workers[message["number"]]
                if "address" in message:
                    host, port = message["address"]
                    worker.pid, worker.address = message["pid"], (host, port)
                else:
                    worker.ended.set()
                worker.listens.set()


@asynccontextmanager
async def open_behind_socket(
    _config: RuntimeConfig, _settings: ExecutorSettings
) -> AsyncIterator[SocketExecutor]:
    """Start the process that forks those of the nodes."""
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        process = await nursery.start(start, [sys.executable, "-m", "tests.executors.worker"])
        executor = SocketExecutor(process)
        nursery.start_soon(executor.follow)
        try:
            yield executor
        finally:
            nursery.cancel_scope.cancel()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


BEHIND_SOCKET = ExecutorFactory(open=open_behind_socket, uses_processes=True, place=Place.SOCKET)
