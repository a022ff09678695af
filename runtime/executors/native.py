"""The native executor: a node is a task of the session, in the server's process."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from ..config import ExecutorSettings, RuntimeConfig
from ..errors import NodeError, printable
from ..execution import (
    ForkGuard,
    HeldLoopGuard,
    SharedResources,
    describe_fork,
    open_held_loop_guard,
    open_shared_resources,
)
from ..logs import output_of_node
from .contract import NodeTask
from .fork_reports import open_fork_reports
from .left_threads import LeftThreads
from .native_node import NativeNode

_log: Final = logging.getLogger("millrace.executors")


def _ignore(_key: str, _hook: str) -> None:
    """Report nothing."""


class NativeExecutor:
    """Runs actors as tasks, which share the memory and the event loop of the server."""

    def __init__(
        self,
        report_fork: Callable[[str, str], None] = _ignore,
        name_threads: Callable[[LeftThreads], None] = LeftThreads.log,
        guard: HeldLoopGuard | None = None,
        resources: SharedResources | None = None,
    ) -> None:
        """Create the executor.

        Args:
            report_fork: called in a forked copy of the server that returned from a hook, with the
                key of the node and the hook, before the copy ends.
            name_threads: called with the threads that a node has left running.
            guard: ends hooks that hold the event loop.
            resources: that nodes share; None: each node loads its own.
        """
        self._fork_guard = ForkGuard(report_fork)
        self._name_threads = name_threads
        self._guard = guard
        self._resources = resources
        self._nodes: set[NativeNode] = set()

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor failed.
        """
        node = NativeNode(task, self._fork_guard, self._name_threads, self._guard, self._resources)
        self._nodes.add(node)
        try:
            with output_of_node(task.session_id, task.node_id):
                await node.run()
        finally:
            self._nodes.remove(node)
        await task.released.wait()

    def end_forking_node(self, key: str, hook: str) -> None:
        """End a node whose hook forked the server, and returned in the copy too.

        Args:
            key: of the node, as the fork guard reports it.
            hook: the hook.
        """
        for node in self._nodes:
            if node.key == key:
                node.fail(NodeError(node.node_id, describe_fork(hook)))
                return
        # Its session ended before the copy came so far.
        _log.error("node %s %s", printable(key), describe_fork(hook))


@asynccontextmanager
async def open_native_executor(
    _config: RuntimeConfig, _settings: ExecutorSettings | None = None
) -> AsyncIterator[NativeExecutor]:
    """Open the native executor."""
    with open_fork_reports() as reports, open_held_loop_guard() as guard:
        async with open_shared_resources() as resources, trio.open_nursery() as nursery:

            def name_threads(left: LeftThreads) -> None:
                nursery.start_soon(left.log_after_grace)

            executor = NativeExecutor(reports.send, name_threads, guard, resources)
            nursery.start_soon(reports.receive, executor.end_forking_node)
            yield executor
            nursery.cancel_scope.cancel()
