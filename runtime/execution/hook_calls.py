"""Calling an actor's own code: timed, and with its exceptions turned into errors of the node."""

import inspect
import time
import types
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final, NoReturn

import trio

from actors import Actor, Data, Kind

from ..errors import HookError, NodeError, sole_error
from .asyncio_hooks import AsyncioHooks
from .call_clock import CallTimes
from .fork_guard import ForkGuard
from .interrupts import is_from_signal
from .loop_watch import LoopWatch
from .steps import in_steps
from .suspended_stack import suspended_stack
from .thread_calls import ThreadCalls

_PASSES: Final = "_millrace_passes_hooks"


class HookCalls:
    """Calls the hooks of one actor.

    Attributes:
        busy_seconds: spent in the actor's code since the caller last set it to 0.
        calls_directly: whether hooks are called here: in no worker thread, and not on asyncio.
        times: when the last call began and ended.
        task_times: when the last step of a background task began and ended, if it shares its loop.
    """

    def __init__(
        self,
        node_id: str,
        *,
        threads: ThreadCalls | None,
        watch: LoopWatch | None,
        times: CallTimes,
        fork_guard: ForkGuard | None,
        key: str,
        asyncio_hooks: AsyncioHooks | None = None,
    ) -> None:
        """Create the calls.

        Args:
            node_id: the node that its errors name.
            threads: calls hooks in a worker thread, to keep the event loop free; None calls them
                in this one.
            watch: reports a hook that holds the event loop; None if no other task uses the loop.
            times: receives when each call begins and ends.
            fork_guard: ends a forked copy of this process that returns from a hook.
            key: of the node, in the report of such a copy.
            asyncio_hooks: calls hooks on asyncio; None if they run on trio.
        """
        self.busy_seconds = 0.0
        self.times = times
        self.task_times: CallTimes = [0.0, 0.0]
        self._awaited: object = None
        self._awaited_on_asyncio: object = None
        self._fork_guard = fork_guard
        self._key = key
        self.calls_directly = threads is None and asyncio_hooks is None
        self._asyncio = asyncio_hooks
        self._threads = threads
        self._node_id = node_id
        self._watch = watch

    async def call(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor, in the thread or on asyncio if so configured; await it.

        Raises:
            HookError: it raised.
        """
        if self._asyncio is not None:
            called = self._asyncio.call(self._called_on_asyncio, hook, function, *args)
            try:
                return await self.awaited(hook, called)
            finally:
                self._awaited_on_asyncio = None
        if self._threads is None or inspect.iscoroutinefunction(function):
            result = self.call_directly(hook, function, *args)
        elif self._threads.is_abandoned:
            # The actor is still in another call, which was cancelled.
            if hook == "cleanup":
                return None
            raise NodeError(
                self._node_id,
                f"{hook}() cannot be called: an earlier call in its thread was cancelled, and has "
                "not returned",
            )
        else:
            result = await self.awaited(
                hook, self._threads.call(self._guarded, hook, function, *args)
            )
        return await self.awaited(hook, result)

    def call_directly(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor; return its result, which may be an awaitable.

        Raises:
            HookError: it raised.
        """
        times = self.times
        began = times[0] = time.perf_counter()
        try:
            return function(*args)
        except BaseException as error:  # noqa: ASYNC103, BLE001 (every error is the node's)
            self._raise_error(hook, error)
        finally:
            ended = times[1] = time.perf_counter()
            seconds = ended - began
            if self._fork_guard is not None and self._fork_guard.is_copy:
                self._fork_guard.end_copy(self._key, hook)
            self.busy_seconds += seconds
            if self._watch is not None:
                self._watch.record(hook, seconds)

    async def awaited(self, hook: str, result: object) -> object:
        """Return the result of a hook; await it if it is an awaitable.

        Raises:
            HookError: it raised.
        """
        if type(result) is not types.CoroutineType and not inspect.isawaitable(result):
            return result
        times = self.times
        began = times[0] = time.perf_counter()
        self._awaited = result
        try:
            if self._watch is not None and inspect.iscoroutine(result):
                return await self._watch.watch(hook, result)
            return await result
        except BaseException as error:  # noqa: ASYNC103, BLE001 (every error is the node's)
            self._raise_error(hook, error)
        finally:
            self._awaited = None
            if self._fork_guard is not None and self._fork_guard.is_copy:
                self._fork_guard.end_copy(self._key, hook)
            ended = times[1] = time.perf_counter()
            self.busy_seconds += ended - began

    def _called_on_asyncio(
        self, hook: str, function: Callable[..., object], *args: object
    ) -> object:
        began = time.perf_counter()
        try:
            result = function(*args)
        finally:
            if self._watch is not None:
                self._watch.record(hook, time.perf_counter() - began)
        self._awaited_on_asyncio = result
        if self._watch is not None and inspect.iscoroutine(result):
            return self._watch.watch(hook, result)
        return result

    async def run_task(
        self, name: str, function: Callable[..., Awaitable[object]], *args: object
    ) -> None:
        """Run a background task of the actor.

        Raises:
            HookError: it raised.
        """
        try:
            coroutine = function(*args)
            if self._watch is not None and inspect.iscoroutine(coroutine):
                await in_steps(coroutine, self.task_times, partial(self._watch.record, name))
            else:
                await coroutine
        except BaseException as error:  # noqa: ASYNC103, BLE001 (every error is the node's)
            self._raise_error(name, error)
        finally:
            if self._fork_guard is not None and self._fork_guard.is_copy:
                self._fork_guard.end_copy(self._key, name)

    @contextmanager
    def passing_errors(self) -> Iterator[None]:
        """Let the errors of the block pass a hook as they are: the actor did not raise them."""
        try:
            yield
        except Exception as error:
            setattr(error, _PASSES, True)
            raise

    def _guarded(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor in the worker thread."""
        try:
            return function(*args)
        finally:
            if self._fork_guard is not None and self._fork_guard.is_copy:
                self._fork_guard.end_copy(self._key, hook)

    def stack(self) -> str:
        """Return where the hook is that waits, or that a thread runs; empty if there is none."""
        if self._asyncio is not None:
            return suspended_stack(self._awaited_on_asyncio)
        stack = "" if self._threads is None else self._threads.stack()
        return stack or suspended_stack(self._awaited)

    def frames(self, innermost: FrameType) -> list[FrameType]:
        """Return the frames of a running hook, the innermost first; none if there is none.

        Args:
            innermost: of the thread that may run it.
        """
        found: list[FrameType] = []
        frame: FrameType | None = innermost
        calls = HookCalls.call_directly, HookCalls.awaited, HookCalls.run_task
        codes = [each.__code__ for each in calls]
        while frame is not None:
            if frame.f_code in codes and frame.f_locals.get("self") is self:
                return found
            if self._asyncio is not None and self._asyncio.is_calling(frame):
                return found
            found.append(frame)
            frame = frame.f_back
        return []

    def _raise_error(self, hook: str, error: BaseException) -> NoReturn:
        """Raise what an exception of the actor means: a HookError, or a cancellation as it is."""
        if isinstance(error, trio.Cancelled) or hasattr(error, _PASSES):
            raise
        if isinstance(error, KeyboardInterrupt) and is_from_signal(error):
            raise  # the user's Ctrl-C, or the SIGTERM of a node process
        if isinstance(error, BaseExceptionGroup) and sole_error(error) is error:
            raise  # nothing but cancellations
        on_asyncio = self._asyncio is not None
        failure = HookError.of(self._node_id, hook, error, on_asyncio=on_asyncio)
        del error
        try:
            raise failure
        finally:
            # The error has the traceback as text. It keeps no frame of the actor, whose items may
            # be in shared memory, and does not refer to itself by this frame.
            failure.__context__ = None
            del failure


def is_synchronous(actor: Actor[Any]) -> bool:
    """Return whether nothing of the actor is async, or waits for a time, as batches do.

    Hooks on asyncio may have started tasks there.
    """
    hooks = (
        *(actor.initialize, actor.process, actor.flush, actor.cleanup, actor.on_control),
        *(actor.process_batch, actor.flush_state, actor.on_state_control),
    )
    if actor.is_source or actor.intervals or actor.batch is not None or actor.loop != "trio":
        return False
    return not any(
        inspect.iscoroutinefunction(hook) or inspect.isasyncgenfunction(hook) for hook in hooks
    )


def blocks_in_generate(actor: Actor[Any]) -> bool:
    """Return whether the actor is a source with a plain `generate`, which may block its thread."""
    generate = actor.generate
    return actor.is_source and not (
        inspect.iscoroutinefunction(generate) or inspect.isasyncgenfunction(generate)
    )


def describe_unproduced(
    actor_type: type[Actor[Any]], produces: Collection[Kind], hook: str, data: object
) -> str:
    """Return the message about an output of a kind that the actor does not declare."""
    kinds = ", ".join(sorted(kind.value for kind in produces))
    got = data.kind.value if isinstance(data, Data) else f"a {type(data).__name__}"
    return (
        f"{actor_type.__name__}.{hook}() returned {got}; it declares that it produces {kinds}, "
        "each as an item of `actors`, or None"
    )


END: Final = object()
"""What stands for the end of an iterator."""


async def anext_or_end(iterator: AsyncIterable[object]) -> object:
    """Return the next item of an async iterator, or `END`."""
    return await anext(aiter(iterator), END)
