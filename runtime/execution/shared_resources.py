"""Resources that the nodes of one process share, such as the weights of a model.

Each is loaded once, in a worker thread, and freed with its last user.
"""

import logging
import math
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any, Final

import outcome
import trio

from .asyncio_hooks import AsyncioHooks
from .freed_memory import return_freed_memory

# A load that still runs when its runtime ends is waited for, and then abandoned with its thread.
_END_SECONDS: Final = 5.0

_log = logging.getLogger("millrace.execution")

Key = tuple[object, Hashable]
"""The class of an actor, and the key that it chose."""


class _Resource:
    """One resource, from the start of its load until it is freed.

    Attributes:
        users: nodes that have it or wait for it.
        ended: set when the load has ended.
        result: of the load.
    """

    def __init__(self, key: Key) -> None:
        self.key = key
        self.users = 0
        self.ended = trio.Event()
        self.result: outcome.Outcome[Any] | None = None

    @property
    def value(self) -> object:
        """What the load returned."""
        assert isinstance(self.result, outcome.Value)
        return self.result.value


class SharedResources:
    """The shared resources of one process, by the class of the actor and its key."""

    def __init__(self, nursery: trio.Nursery) -> None:
        """Create it; `open_shared_resources` ends what runs in the nursery."""
        self._nursery = nursery
        self._resources: dict[Key, _Resource] = {}
        self._running: dict[trio.Event, trio.CancelScope] = {}

    async def acquire(self, key: Key, load: Callable[[], object]) -> _Resource:
        """Return a resource; load it if nobody has it. The caller must release it.

        A cancellation takes effect at once. The load goes on for those who still wait.

        Raises:
            Exception: what `load` raised; everybody who waits for this load gets it, and the next
                caller starts another one.
        """
        resource = self._resources.get(key)
        if resource is None:
            resource = self._resources[key] = _Resource(key)
            self._start(self._load, resource, load)
        resource.users += 1
        try:
            await resource.ended.wait()
            assert resource.result is not None
            if isinstance(resource.result, outcome.Error):
                # Not `unwrap`, which may be called once. Each waiter gets the traceback of the load
                # without the frames of the others.
                error = resource.result.error
                try:
                    raise error.with_traceback(error.__traceback__)
                finally:
                    del error
            return resource
        except BaseException:
            self.release(resource)
            raise

    def release(self, resource: _Resource) -> None:
        """Give a resource back; free it if no other node has it."""
        resource.users -= 1
        if not resource.users and resource.ended.is_set():
            self._free(resource)

    @property
    def is_busy(self) -> bool:
        """Whether something is being loaded or freed."""
        return bool(self._running)

    async def wait_idle(self) -> None:
        """Wait until nothing is being loaded or freed."""
        while self._running:
            await next(iter(self._running)).wait()

    def abandon(self) -> None:
        """Wait no longer for the threads that load or free something."""
        for scope in self._running.values():
            scope.cancel()

    async def _load(self, resource: _Resource, load: Callable[[], object]) -> None:
        try:
            resource.result = await _in_thread(outcome.capture, load)
        finally:
            resource.ended.set()
        if isinstance(resource.result, outcome.Error):
            self._forget(resource)
        elif not resource.users:  # all who waited were cancelled
            self._free(resource)

    def _forget(self, resource: _Resource) -> None:
        if self._resources.get(resource.key) is resource:
            del self._resources[resource.key]

    def _free(self, resource: _Resource) -> None:
        self._forget(resource)
        if isinstance(resource.result, outcome.Value):
            self._start(_in_thread, _drop, resource)

    def _start(self, function: Callable[..., Any], *args: object) -> None:
        ended = trio.Event()
        # Shielded: a runtime cancels its executors to end them, which must not abandon a thread.
        scope = self._running[ended] = trio.CancelScope(shield=True)

        async def run() -> None:
            try:
                with scope:
                    await function(*args)
            finally:
                del self._running[ended]
                ended.set()

        self._nursery.start_soon(run)


class SharedHold:
    """What one node has of the shared resources: `Context.shared`.

    Args:
        resources: of the process.
    """

    def __init__(self, resources: SharedResources) -> None:
        self._resources = resources
        self._scope: object = None
        self._hooks: AsyncioHooks | None = None
        self._held: list[_Resource] = []
        self._is_released = False

    def attach(self, scope: object, hooks: AsyncioHooks | None) -> None:
        """Set the class whose instances share, and the loop of an actor on asyncio."""
        self._scope, self._hooks = scope, hooks

    async def share(self, key: Hashable, load: Callable[[], object]) -> object:
        """Return a resource: see `Context.shared`."""
        acquired: list[_Resource] = []
        if self._hooks is not None:
            await self._hooks.await_trio(self._acquire, key, load, acquired)
        else:
            await self._acquire(key, load, acquired)
        return acquired.pop().value

    def release(self) -> None:
        """Give everything back; the runtime calls it after `cleanup`."""
        self._is_released = True
        while self._held:
            self._resources.release(self._held.pop())

    async def _acquire(
        self, key: Hashable, load: Callable[[], object], acquired: list[_Resource]
    ) -> None:
        """Add the resource to a list: a result would stay in reference cycles of asyncio."""
        if self._is_released:
            raise RuntimeError("shared() was called after the node's cleanup")
        resource = await self._resources.acquire((self._scope, key), load)
        self._held.append(resource)
        acquired.append(resource)


@asynccontextmanager
async def open_shared_resources(
    end_seconds: float = _END_SECONDS,
) -> AsyncIterator[SharedResources]:
    """Open the shared resources of a process, for as long as the block lasts.

    Args:
        end_seconds: how long a load may go on after the block.
    """
    async with trio.open_nursery() as nursery:
        resources = SharedResources(nursery)
        try:
            yield resources
        finally:
            with trio.move_on_after(end_seconds, shield=True):
                await resources.wait_idle()
            if resources.is_busy:
                _log.error(
                    "a shared resource was still loading %g s after the end; its thread is "
                    "abandoned",
                    end_seconds,
                )
                resources.abandon()


async def _in_thread(function: Callable[..., Any], *args: object) -> Any:
    # No limit: a load that hangs must not block those of other node types.
    limiter = trio.CapacityLimiter(math.inf)
    return await trio.to_thread.run_sync(function, *args, abandon_on_cancel=True, limiter=limiter)


def _drop(resource: _Resource) -> None:
    """Drop the last reference here: a model takes milliseconds to be freed."""
    resource.result = None
    # Without it, PSS after 160 VAD sessions was 3.7 MB above that of a server after one session;
    # with it, 6 MB below (2026-11-27).
    return_freed_memory()
