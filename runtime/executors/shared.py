"""The shared executor: one process runs the nodes of many sessions, a batch at a time."""

import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import trio

from ..config import RuntimeConfig, SharedSettings, secret_variables
from ..errors import LimitError, PipelineError, SpawnError
from ..execution.process import (
    BatchedHosts,
    Forkserver,
    ForkserverKeeper,
    HostLimits,
    HostSpec,
    NodeRecord,
    open_forkserver_keeper,
)
from ..logs import log_output, log_record
from .contract import NodeTask
from .hosted_node import HostedNode, SocketPairs

_log: Final = logging.getLogger("millrace.node.host")


class SharedExecutor:
    """Runs nodes of one type and with equal params together, in batched hosts."""

    def __init__(self, hosts: BatchedHosts, wait_seconds: float) -> None:
        """Create it.

        Args:
            hosts: run the nodes.
            wait_seconds: how long the first item of a batch waits for those of other sessions.
        """
        self._hosts = hosts
        self._wait_seconds = wait_seconds
        self._pairs = SocketPairs()

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor or its host failed.
            LimitError: no other host may be started, or the machine has no resources left.
        """
        began = trio.current_time()
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(self._hosts.joined(self._spec_of(task)))
            except LimitError as error:
                raise LimitError(str(error), node_id=task.node_id) from error
            except PipelineError as error:
                raise SpawnError(task.node_id, str(error)) from error
            task.started(trio.current_time() - began)
            await HostedNode(task, process, self._pairs).run()

    def _spec_of(self, task: NodeTask) -> HostSpec:
        """Return what the node's host runs: nodes for which it is equal may share one."""
        plan = task.plan
        return HostSpec(
            plan.node_type.target,
            json.dumps(dict(plan.params), sort_keys=True).encode(),
            # An empty entry is the current folder, which may not be that of the forkserver.
            tuple(path or os.getcwd() for path in sys.path),
            self._wait_seconds,
            plan.code,
            task.max_memory_bytes,
        )


@asynccontextmanager
async def open_shared_executor(
    config: RuntimeConfig, settings: SharedSettings
) -> AsyncIterator[SharedExecutor]:
    """Start the forkserver that forks the hosts.

    Raises:
        LimitError: the machine has no descriptor, process or memory left.
        PipelineError: it does not start.
    """
    async with (
        open_forkserver_keeper(secret_variables(config)) as forkserver,
        open_hosts(forkserver, config, settings) as executor,
    ):
        yield executor


@asynccontextmanager
async def open_hosts(
    forkserver: Forkserver | ForkserverKeeper, config: RuntimeConfig, settings: SharedSettings
) -> AsyncIterator[SharedExecutor]:
    """Keep hosts for as long as the block lasts.

    Args:
        forkserver: forks them.
        config: of the operator.
        settings: of the executor.
    """
    limits = HostLimits(
        settings.sessions_per_host,
        settings.max_hosts,
        settings.idle_secs,
        config.multiprocess.process_timeout_secs,
    )
    async with trio.open_nursery() as nursery:
        hosts = BatchedHosts(
            forkserver,
            nursery,
            limits,
            log_level=_log.getEffectiveLevel(),
            on_line=_log_line,
            on_record=_log_node_record,
        )
        yield SharedExecutor(hosts, settings.batch_wait_ms / 1000)
        nursery.cancel_scope.cancel()


def _log_line(line: str) -> None:
    log_output(_log, line, session="", node="")


def _log_node_record(record: NodeRecord) -> None:
    """Log a record of a host, or of a node in it: those have session and node in their fields."""
    fields = dict(record.fields)
    session, node = str(fields.pop("session", "")), str(fields.pop("node", ""))
    log_record(
        _log,
        record.level,
        record.message,
        session=session,
        node=node,
        name=record.logger,
        stack_trace=record.stack_trace,
        fields=fields,
    )
