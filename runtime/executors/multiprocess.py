"""The multiprocess executor: runs each node in a process of its own."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ..config import ExecutorSettings, RuntimeConfig, secret_variables
from ..errors import LimitError, PipelineError, SpawnError
from ..execution.process import (
    Forkserver,
    ForkserverKeeper,
    Templates,
    TemplateSpec,
    may_have_template,
    open_forkserver_keeper,
)
from .contract import NodeTask
from .node_proxy import NodeProxy


class MultiprocessExecutor:
    """Runs actors in processes that a forkserver makes."""

    def __init__(
        self,
        forkserver: Forkserver | ForkserverKeeper,
        templates: Templates | None = None,
    ) -> None:
        """Create it.

        Args:
            forkserver: forks the node processes.
            templates: fork those of which the plan has `preload_params`.
        """
        self._forkserver = forkserver
        self._templates = templates

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor or its process failed.
            LimitError: the machine has no descriptor, process or memory left, or the node needs
                more memory than it may have.
        """
        began = trio.current_time()
        spec = self._template_of(task)
        if self._templates is not None and spec is not None:
            async with self._templates.forked(spec, task.init_timeout_seconds) as process:
                if process is not None:
                    task.started(trio.current_time() - began)
                    await NodeProxy(task, process).run()
                    return
        await self._run_plain(task, began)

    def _template_of(self, task: NodeTask) -> TemplateSpec | None:
        """Return what the template of a node preloads; None if it must start without one."""
        plan = task.plan
        if plan.preload_params is None:
            return None
        # Another interpreter, a GPU of its own, or a class that no other process can import.
        if task.python_executable or plan.gpu is not None or plan.code is not None:
            return None
        params = {name: plan.params[name] for name in plan.preload_params if name in plan.params}
        path = tuple(entry or os.getcwd() for entry in sys.path)
        encoded = json.dumps(params, sort_keys=True).encode()
        spec = TemplateSpec(plan.node_type.target, encoded, path)
        return spec if may_have_template(spec) else None

    async def _run_plain(self, task: NodeTask, began: float) -> None:
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
async def open_multiprocess_executor(
    config: RuntimeConfig, _settings: ExecutorSettings | None = None
) -> AsyncIterator[MultiprocessExecutor]:
    """Start the forkserver that forks the node processes.

    Raises:
        LimitError: the machine has no descriptor, process or memory left.
        PipelineError: it does not start.
    """
    async with open_forkserver_keeper(secret_variables(config)) as forkserver:
        settings = config.multiprocess
        async with trio.open_nursery() as nursery:
            templates = Templates(
                forkserver,
                nursery,
                max_count=settings.preload_max_templates,
                max_bytes=settings.preload_max_bytes,
                idle_seconds=settings.preload_idle_secs,
            )
            yield MultiprocessExecutor(forkserver, templates)
            nursery.cancel_scope.cancel()
