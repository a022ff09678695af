"""Calling an actor's own code: timed, watched, and with what it raises turned into its error."""

import inspect
import time
import types
from collections.abc import AsyncIterable, Callable, Collection
from typing import Any, Final, NoReturn

import trio

from actors import Actor, Data, Kind

from ..errors import HookError, sole_error
from .loop_watch import LoopWatch


class HookCalls:
    """Calls the hooks of one actor.

    Attributes:
        busy_seconds: spent in the actor's code since the caller last set it to 0.
        in_thread: whether hooks are called in a worker thread, one at a time.

    Args:
        node_id: whose errors they are.
        in_thread: to keep trio's loop free.
        watch: finds out which hook holds the loop; None where nobody else suffers.
    """

    def __init__(self, node_id: str, *, in_thread: bool, watch: LoopWatch | None) -> None:
        self.busy_seconds = 0.0
        self.in_thread = in_thread
        self._node_id = node_id
        self._watch = watch
        self._limiter = trio.CapacityLimiter(1)

    async def call(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor's, in the thread if so, and await what it gives.

        Raises:
            HookError: it raised.
        """
        if not self.in_thread or inspect.iscoroutinefunction(function):
            result = self.call_directly(hook, function, *args)
        else:
            work = trio.to_thread.run_sync(function, *args, limiter=self._limiter)
            result = await self.awaited(hook, work)
        return await self.awaited(hook, result)

    def call_directly(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor's; return what it gives, which may be to be awaited.

        Raises:
            HookError: it raised.
        """
        began = time.perf_counter()
        try:
            return function(*args)
        except BaseException as error:  # noqa: ASYNC103, BLE001 (every error is the node's)
            self._raise_error(hook, error)
        finally:
            seconds = time.perf_counter() - began
            self.busy_seconds += seconds
            if self._watch is not None:
                self._watch.record(hook, seconds)

    async def awaited(self, hook: str, result: object) -> object:
        """Return what a hook gave, once it is there.

        Raises:
            HookError: the actor raised meanwhile.
        """
        if type(result) is not types.CoroutineType and not inspect.isawaitable(result):
            return result
        began = time.perf_counter()
        try:
            if self._watch is not None and inspect.iscoroutine(result):
                return await self._watch.watch(hook, result)
            return await result
        except BaseException as error:  # noqa: ASYNC103, BLE001 (every error is the node's)
            self._raise_error(hook, error)
        finally:
            self.busy_seconds += time.perf_counter() - began

    def _raise_error(self, hook: str, error: BaseException) -> NoReturn:
        """Raise what an exception of the actor means: a HookError, or a cancellation as it is."""
        if isinstance(error, trio.Cancelled | KeyboardInterrupt):
            raise
        if isinstance(error, BaseExceptionGroup) and sole_error(error) is error:
            raise  # nothing but cancellations
        failure = HookError.of(self._node_id, hook, error)
        del error
        try:
            raise failure
        finally:
            # The error has the traceback as text. It keeps no frame of the actor, whose items may
            # be in shared memory, and does not refer to itself by this frame.
            failure.__context__ = None
            del failure


def is_synchronous(actor: Actor[Any]) -> bool:
    """Return whether nothing of the actor is async, or waits for a time, as batches do."""
    hooks = (actor.initialize, actor.process, actor.flush, actor.cleanup, actor.on_control)
    return actor.batch is None and not any(
        inspect.iscoroutinefunction(hook) or inspect.isasyncgenfunction(hook) for hook in hooks
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
