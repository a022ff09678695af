"""The native executor: a node is a task of the session, in the server's process."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from actors import Actor, Context, Progress

from ..catalogue import load_actor
from ..config import RuntimeConfig
from ..errors import HookError, InitTimeoutError, NodeError, ProcessTimeoutError, UnwrappedErrors
from ..execution import DEFAULT_TIMEOUT_SECONDS, ActorLoop, Announce, wait_overdue
from ..links import Notice
from .contract import NodeTask


class NativeExecutor:
    """Runs actors as tasks; they share the memory of the server and its one event loop."""

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
            grace_seconds=task.grace_seconds,
        )
        task.statistics = loop.statistics

        def refresh() -> None:
            loop.statistics.received = ends.inbox.statistics()
            loop.statistics.sent = ends.output.statistics()

        task.refresh = refresh
        task.control = loop.notify
        timeout_seconds = _timeout_seconds(task, actor)
        del actor
        cleaned_up = False
        try:
            await _initialize(loop, task)
            task.controllable(loop.control)
            task.is_ready()
            await _run(loop, task, timeout_seconds)
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


async def _initialize(loop: ActorLoop, task: NodeTask) -> None:
    """Initialize the actor.

    Raises:
        InitTimeoutError: it is not ready in time.
    """
    seconds = task.init_timeout_seconds
    stack = await _watched(loop, loop.initialize, partial(trio.sleep, seconds))
    if stack is not None:
        raise InitTimeoutError(task.node_id, seconds, stack)


async def _run(loop: ActorLoop, task: NodeTask, timeout_seconds: float) -> None:
    """Run the actor to the end of its streams.

    Raises:
        ProcessTimeoutError: an async hook, or one in a thread, has not returned in time. Any other
            hook holds the event loop, so that nothing can be done.
    """
    overdue = partial(wait_overdue, loop.times, timeout_seconds)
    stack = await _watched(loop, loop.run, overdue)
    if stack is not None:
        raise ProcessTimeoutError(
            task.node_id,
            f"a call of its actor has not returned for {timeout_seconds:g} s "
            "(multiprocess.process_timeout_secs)",
            stack_trace=stack,
        )


async def _watched(
    loop: ActorLoop,
    run: Callable[[], Awaitable[None]],
    overdue: Callable[[], Awaitable[None]],
) -> str | None:
    """Run a part of the loop; cancel it when it is overdue, and return where it was then.

    Returns:
        None if it came to its end.
    """
    stacks: list[str] = []

    async def watch(scope: trio.CancelScope) -> None:
        await overdue()
        stacks.append(loop.stack())
        scope.cancel()

    with UnwrappedErrors():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, nursery.cancel_scope)
            try:
                await run()
                stacks.clear()
            finally:
                # Here, and not by trio, whose frame would refer to the error: see ActorLoop.run.
                nursery.cancel_scope.cancel()
    return stacks[0] if stacks else None


def _timeout_seconds(task: NodeTask, actor: Actor[Any]) -> float:
    return task.process_timeout_seconds or actor.process_timeout_secs or DEFAULT_TIMEOUT_SECONDS


def _reporter(task: NodeTask) -> Callable[[Progress], None]:
    """Return a function that reports from any thread, as hooks may run in one.

    A report of a thread arrives before the end of the hook that made it.
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
    """Open the native executor, which needs nothing."""
    yield NativeExecutor()
