"""The native executor: a node is a task of the session, in the server's process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors import Actor, Context

from ..actor_loop import ActorLoop
from ..catalogue import load_actor
from ..config import RuntimeConfig
from ..errors import HookError, InitTimeoutError, NodeError
from .contract import NodeTask


class NativeExecutor:
    """Runs actors as tasks; they share the memory of the server and its one event loop."""

    remote = False

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor failed.
        """
        ends = task.local_ends()
        context = Context(task.node_id, task.session_id, report=task.report, loan=ends.output.loan)
        loop = ActorLoop(_make_actor(task, context), context, ends.inbox, ends.output)
        task.statistics = loop.statistics

        def refresh() -> None:
            loop.statistics.received = ends.inbox.statistics()
            loop.statistics.sent = ends.output.statistics()

        task.refresh = refresh
        cleaned_up = False
        try:
            with trio.move_on_after(task.init_timeout_seconds) as waiting:
                await loop.initialize()
            if waiting.cancelled_caught:
                raise InitTimeoutError(task.node_id, task.init_timeout_seconds)
            task.is_ready()
            await loop.run()
            cleaned_up = True
            await _clean_up(loop, task)
        finally:
            if not cleaned_up:
                try:
                    await _clean_up(loop, task)  # noqa: ASYNC102 (it shields itself, with a deadline)
                except NodeError:
                    context.log.exception("cleanup() failed after another error")
        refresh()
        task.done.set()
        await task.released.wait()


async def _clean_up(loop: ActorLoop, task: NodeTask) -> None:
    with trio.move_on_after(task.grace_seconds, shield=True):
        await loop.cleanup()


def _make_actor(task: NodeTask, context: Context) -> Actor[Any]:
    try:
        actor_type = load_actor(task.plan.node_type.target)
        params = actor_type.params_type.model_validate_json(task.params_json)
        return actor_type(params, context=context)
    except Exception as error:
        raise HookError.of(task.node_id, "__init__", error) from error


@asynccontextmanager
async def open_native_executor(_config: RuntimeConfig) -> AsyncIterator[NativeExecutor]:
    """Open the native executor, which needs nothing."""
    yield NativeExecutor()
