"""One native node, from its construction to its cleanup."""

import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from typing import Any, Final

import trio

from actors import Actor, Context, Progress

from ..catalogue import ToolFinder, load_actor
from ..errors import HookError, InitTimeoutError, NodeError, ProcessTimeoutError, UnwrappedErrors
from ..execution import (
    DEFAULT_TIMEOUT_SECONDS,
    ActorLoop,
    Announce,
    ForkGuard,
    HeldLoopGuard,
    HookInterrupted,
    SharedHold,
    SharedResources,
    actor_loop_of,
    is_from_signal,
    load_recorded,
    open_hook_loop,
    tracer_of,
    wait_overdue,
)
from ..links import Notice
from .contract import NodeTask
from .left_threads import LeftThreads

_log: Final = logging.getLogger("millrace.executors")


class NativeNode:
    """Runs one actor as a task.

    Attributes:
        key: unique among all nodes of the server.
    """

    def __init__(
        self,
        task: NodeTask,
        fork_guard: ForkGuard,
        name_threads: Callable[[LeftThreads], None],
        guard: HeldLoopGuard | None,
        resources: SharedResources | None,
    ) -> None:
        self.key = f"{task.session_id}/{task.node_id}"
        self._task = task
        self._fork_guard = fork_guard
        self._name_threads = name_threads
        self._guard = guard
        self._hold = None if resources is None else SharedHold(resources)
        self._scope = trio.CancelScope()
        self._failures: list[NodeError] = []

    @property
    def node_id(self) -> str:
        """The node's id in the manifest."""
        return self._task.node_id

    async def run(self) -> None:
        """Run the node to the end of its streams.

        Raises:
            NodeError: the actor failed.
        """
        try:
            async with AsyncExitStack() as stack:
                await self._run(stack)
        finally:
            if self._hold is not None:
                self._hold.release()
        self._task.done.set()

    async def _run(self, stack: AsyncExitStack) -> None:
        task = self._task
        threads_before = set(threading.enumerate())
        ends = task.local_ends()
        context = Context(
            task.node_id,
            task.session_id,
            report=_reporter(task),
            loan=ends.output.loan,
            models=task.grants.models,
            find_tool=ToolFinder(task.grants.tools),
            readers=tuple(map(str, task.plan.outputs)),
            **({} if self._hold is None else {"share": self._hold.share}),
        )
        record = task.record  # not the task, which would refer to itself
        tracer = tracer_of(task.trace, context, lambda span: record([span]))
        with load_recorded(tracer):
            actor = self._make_actor(context)
        hooks = await stack.enter_async_context(open_hook_loop(actor))
        if self._hold is not None:
            self._hold.attach(type(actor), hooks)
        loop = actor_loop_of(tracer)(
            actor,
            context,
            ends.inbox,
            ends.output,
            announce=_announcer(task),
            in_thread=actor.runs_in_thread,
            shares_loop=True,
            grace_seconds=task.grace_seconds,
            fork_guard=self._fork_guard,
            key=self.key,
            asyncio_hooks=hooks,
        )
        task.statistics = loop.statistics

        def refresh() -> None:
            loop.statistics.received = ends.inbox.statistics()
            loop.statistics.received_from = ends.inbox.statistics_by_source()
            loop.statistics.taken = ends.inbox.taken()
            loop.statistics.sent = ends.output.statistics()

        task.refresh = refresh
        task.control = loop.notify
        timeout_seconds = _timeout_seconds(task, actor)
        del actor
        cleaned_up = False
        try:
            await self._initialize(loop)
            task.controllable(loop.control)
            task.is_ready()
            await self._process(loop, timeout_seconds)
            cleaned_up = True
            await self._clean_up(loop)
        finally:
            task.controllable(None)
            if not cleaned_up:
                try:
                    await self._clean_up(loop)  # noqa: ASYNC102 (it shields itself, with a deadline)
                except NodeError:
                    context.log.exception("cleanup() failed after another error")
            refresh()
            task.forget_node()
            loop.release()
            # In another thread than the main one, the loop is a part of an application, whose own
            # threads start and end at any time.
            if threading.current_thread() is threading.main_thread():
                left = LeftThreads(context.log, set(threading.enumerate()) - threads_before)
                if left.running:
                    self._name_threads(left)

    def fail(self, error: NodeError) -> None:
        """End the node with an error that its own code did not raise."""
        if not self._failures:
            self._failures.append(error)
        del error  # the traceback of a cancellation has this frame
        self._scope.cancel()

    async def _initialize(self, loop: ActorLoop) -> None:
        seconds = self._task.init_timeout_seconds

        def overdue(stack: str) -> NodeError:
            return InitTimeoutError(self.node_id, seconds, stack)

        async def watch() -> None:
            await trio.sleep(seconds)
            self.fail(overdue(loop.stack()))

        with self._guarded(loop, seconds, overdue):
            await self._run_watched(loop.initialize, watch)

    async def _process(self, loop: ActorLoop, timeout_seconds: float) -> None:
        """Run the loop, as long as no call lasts too long.

        trio finds such a call in an async hook that waits, and in a thread; the guard finds one
        that holds the event loop.
        """

        def overdue(stack: str) -> NodeError:
            message = (
                f"a call of its actor has not returned for {timeout_seconds:g} s "
                "(multiprocess.process_timeout_secs)"
            )
            return ProcessTimeoutError(self.node_id, message, stack_trace=stack)

        async def watch() -> None:
            await wait_overdue(loop.times, timeout_seconds)
            self.fail(overdue(loop.stack()))

        with self._guarded(loop, timeout_seconds, overdue):
            await self._run_watched(loop.run, watch)

    def _guarded(
        self, loop: ActorLoop, seconds: float, overdue: Callable[[str], NodeError]
    ) -> AbstractContextManager[object]:
        """Interrupt a hook that holds the event loop; the node then fails with `overdue`."""
        block = ExitStack()
        if self._guard is None:
            return block
        node_id = self.node_id

        def on_overdue(stack: str) -> None:  # in the guard's thread
            _log.error(
                "node %s holds the event loop, and every session with it:\n%s", node_id, stack
            )
            self._failures.append(overdue(stack))

        for times in (loop.times, loop.background.times):
            block.enter_context(self._guard.watching(times, seconds, loop.frames, on_overdue))
        return block

    async def _run_watched(
        self, run: Callable[[], Awaitable[None]], watch: Callable[[], Awaitable[None]]
    ) -> None:
        """Run a part of the loop beside its watch; raise the error with which `fail` was called."""
        try:
            with UnwrappedErrors():
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    nursery.start_soon(watch)
                    try:
                        await run()
                    finally:
                        # Here, and not by trio, whose frame would refer to the error: see
                        # ActorLoop.
                        nursery.cancel_scope.cancel()
        except (NodeError, HookInterrupted):
            if not self._failures:
                raise  # its own, not that of an interrupt
        if self._failures:
            # Not kept: its traceback refers to this node, which would be a cycle.
            raise self._failures.pop()

    async def _clean_up(self, loop: ActorLoop) -> None:
        with trio.move_on_after(self._task.grace_seconds, shield=True):
            await loop.cleanup()

    def _make_actor(self, context: Context) -> Actor[Any]:
        task = self._task
        try:
            actor_type = load_actor(task.plan.node_type)
            params = actor_type.params_type.model_validate_json(task.params_json)
            return actor_type(params, context=context)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_from_signal(error):
                raise
            # A constructor awaits nothing, so this is never trio.Cancelled.
            raise HookError.of(task.node_id, "__init__", error) from error  # noqa: ASYNC104
        finally:
            if self._fork_guard.is_copy:
                self._fork_guard.end_copy(self.key, "__init__")


def _timeout_seconds(task: NodeTask, actor: Actor[Any]) -> float:
    return task.process_timeout_seconds or actor.process_timeout_secs or DEFAULT_TIMEOUT_SECONDS


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
