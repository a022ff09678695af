"""Calls of a source, whose `generate` may wait for as long as it likes."""

import time
import types
from collections.abc import Callable, Coroutine
from typing import Any, Final

from .hook_calls import HookCalls
from .steps import in_steps

GENERATE: Final = "generate"


class SourceCalls(HookCalls):
    """Calls the hooks of a source.

    A camera may be silent for hours: that is no hook that hangs. So only the steps of `generate`
    between two of its waits count as calls that must return in time, and as time that it is busy. A
    plain `generate` runs in a worker thread: there the processor time counts.
    """

    _step_seconds = 0.0

    async def awaited(self, hook: str, result: object) -> object:
        """Return the result of a hook; await it if it is an awaitable.

        Raises:
            HookError: it raised.
        """
        if hook != GENERATE or not isinstance(result, types.CoroutineType):
            return await super().awaited(hook, result)
        busy, self._step_seconds = self.busy_seconds, 0.0
        try:
            return await super().awaited(hook, self._run_in_steps(result))
        finally:
            self.busy_seconds = busy + self._step_seconds

    async def _run_in_steps(self, coroutine: Coroutine[Any, Any, object]) -> object:
        return await in_steps(coroutine, self.times, self._record)

    def _record(self, seconds: float) -> None:
        self._step_seconds += seconds

    def _guarded(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Call a function of the actor in the worker thread."""
        began = time.thread_time()
        try:
            return super()._guarded(hook, function, *args)
        finally:
            self._step_seconds += time.thread_time() - began
