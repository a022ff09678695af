"""The multiprocess executor: runs each node in a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ..config import RuntimeConfig, secret_variables
from ..errors import LimitError, PipelineError, SpawnError
from ..execution.process import Forkserver, ForkserverKeeper, open_forkserver_keeper
from .contract import NodeTask
from .node_proxy import NodeProxy


class MultiprocessExecutor:
    """Runs actors in processes that a forkserver makes."""

    def __init__(self, forkserver: Forkserver | ForkserverKeeper) -> None:
        self._forkserver = forkserver

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor or its process failed.
            LimitError: the machine has no descriptor, process or memory left, or the node needs
                more memory than it may have.
        """
        began = trio.current_time()
        try:
            process = await self._forkserver.fork(
                task.python_executable, timeout_seconds=task.init_timeout_seconds
            )
        except LimitError as error:
            raise LimitError(str(error), node_id=task.node_id) from error
        except PipelineError as error:
            raise SpawnError(task.node_id, str(error)) from error
        task.started(trio.current_time() - began)
        await NodeProxy(task, process).run()


@asynccontextmanager
async def open_multiprocess_executor(config: RuntimeConfig) -> AsyncIterator[MultiprocessExecutor]:
    """Start the forkserver that forks the node processes.

    Raises:
        LimitError: the machine has no descriptor, process or memory left.
        PipelineError: it does not start.
    """
    async with open_forkserver_keeper(secret_variables(config.models)) as forkserver:
        yield MultiprocessExecutor(forkserver)
