"""The native executor: a node is a task of the session, in the server's process."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors import Actor, Context, Progress

from ..catalogue import load_actor
from ..config import RuntimeConfig
from ..errors import HookError, InitTimeoutError, NodeError
from ..execution import ActorLoop, Announce
from ..links import Notice
from .contract import NodeTask


class NativeExecutor:
    """Runs actors as tasks, which share the memory and the event loop of the server."""

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor failed.
        """
        ends = task.local_ends()
        context = Context(
            task.node_id, task.session_id, report=_reporter(task), loan=ends.output.loan
        )
        actor = _make_actor(task, context)
        loop = ActorLoop(
            actor,
            context,
            ends.inbox,
            ends.output,
            announce=_announcer(task),
            in_thread=actor.runs_in_thread,
            shares_loop=True,
        )
        task.statistics = loop.statistics

        def refresh() -> None:
            loop.statistics.received = ends.inbox.statistics()
            loop.statistics.sent = ends.output.statistics()

        task.refresh = refresh
        task.control = loop.notify
        cleaned_up = False
        try:
            with trio.move_on_after(task.init_timeout_seconds) as waiting:
                await loop.initialize()
            if waiting.cancelled_caught:
                raise InitTimeoutError(task.node_id, task.init_timeout_seconds)
            task.controllable(loop.control)
            task.is_ready()
            await loop.run()
            cleaned_up = True
            await _clean_up(loop, task)
        finally:
            task.controllable(None)
            if not cleaned_up:
                try:
                    await _clean_up(loop, task)  # noqa: ASYNC102 (it shields itself, with a deadline)
                except NodeError:
                    context.log.exception("cleanup() failed after another error")
            refresh()
            task.forget_node()
            loop.release()
        task.done.set()
        await task.released.wait()


def _reporter(task: NodeTask) -> Callable[[Progress], None]:
    """Return a function that reports from any thread, since hooks may run in a worker thread.

    A report from a thread arrives before the end of the hook that made it.
    """
    token = trio.lowlevel.current_trio_token()
    loop_thread = threading.get_ident()

    def report(progress: Progress) -> None:
        if threading.get_ident() == loop_thread:
            task.report(progress)
        else:
            token.run_sync_soon(task.report, progress)

    return report


def _announcer(task: NodeTask) -> Announce:
    async def announce(notice: Notice) -> None:
        task.announce(notice)
        await trio.lowlevel.checkpoint()

    return announce


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
    """Open the native executor. It holds no resources."""
    yield NativeExecutor()
