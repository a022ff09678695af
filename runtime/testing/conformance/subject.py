"""The actor under check: created for each check, and driven as a session drives it."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import trio

from actors import Actor, Context, Data
from actors import Output as ActorOutput

from ...errors import HookError, UnwrappedErrors, described
from ...execution import (
    END,
    ActorLoop,
    AsyncioHooks,
    anext_or_end,
    open_hook_loop,
    tasks_on,
)
from ...links import Inbox, Item, LocalQueue, Output, barrier, start_signal
from .samples import with_own_arrays

AnyActor = Actor[Any]

# Nothing waits in a check: there is room for every output.
_UNLIMITED: Final = 2**40
# As limits.max_state_bytes is by default.
_MOST_STATE_BYTES: Final = 4 * 2**20
# A check takes no more from a generator, which may never end.
MAX_OUTPUTS: Final = 1000
_CLEANUP_SECONDS: Final = 5.0
# A source may never end: then a check looks at what comes in this time, and at so many items.
SOURCE_SECONDS: Final = 0.5
_SOURCE_ITEMS: Final = 100


@dataclass(slots=True)
class Outcome:
    """What a run of an actor gave.

    Attributes:
        outputs: of the actor.
        was_stopped: whether it is a source that did not end by itself.
        late_emits: returns how often it has tried to emit after the end of its stream.
    """

    outputs: list[Data] = field(default_factory=list)
    was_stopped: bool = False
    late_emits: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True)
class Subject:
    """An actor class, with valid params and samples."""

    actor_type: type[AnyActor]
    params: Mapping[str, Any]
    samples: Sequence[Data]

    @property
    def name(self) -> str:
        """The class's name."""
        return self.actor_type.__name__

    def make(self, actor_type: type[AnyActor] | None = None) -> AnyActor:
        """Return a new actor of the class, or of a subclass that a check has defined."""
        kind = actor_type or self.actor_type
        actor = kind(kind.params_type(**self.params), context=Context("checked"))
        actor.context.attach(_FreeTasks(None))
        return actor

    @asynccontextmanager
    async def opened(self, actor_type: type[AnyActor] | None = None) -> AsyncIterator[AnyActor]:
        """Create an actor whose hooks can be called from trio, for the duration of the block."""
        actor = self.make(actor_type)
        async with open_hook_loop(actor) as hooks:
            actor.context.attach(tasks_on(hooks, _FreeTasks(None)))
            yield actor if hooks is None else cast(AnyActor, OnAsyncio(actor, hooks))

    @asynccontextmanager
    async def started(self, *, initialized: bool = True) -> AsyncIterator[AnyActor]:
        """Create an actor for the duration of the block; clean it up at the end, in any state."""
        with UnwrappedErrors():
            async with self.opened() as actor, trio.open_nursery() as nursery:
                hooks = actor.hooks if isinstance(actor, OnAsyncio) else None
                actor.context.attach(tasks_on(hooks, _FreeTasks(nursery)))
                try:
                    if initialized:
                        await call(actor.initialize)
                    yield actor
                finally:
                    nursery.cancel_scope.cancel()
                    with trio.move_on_after(_CLEANUP_SECONDS, shield=True):
                        await clean_up(actor)

    def fresh_samples(self) -> list[Data]:
        """Return the samples with copies of their arrays."""
        return [with_own_arrays(item)[0] for item in self.samples]

    async def run(
        self, items: Iterable[Data], actor_type: type[AnyActor] | None = None
    ) -> list[Data]:
        """Run a new actor on some items, in the loop that runs all actors; return its outputs.

        Raises:
            NodeError: as in a session.
        """
        return (await self.outcome(items, actor_type)).outputs

    async def run_moved(self, items: Sequence[Data], at: int) -> list[Data]:
        """Run an actor on the items before `at`, and another one, with its state, on the rest.

        Raises:
            NodeError: as in a session.
        """
        states: list[bytes] = []
        before = await self.outcome(items[:at], on_state=states.append)
        after = await self.outcome(items[at:], state=states[0])
        return before.outputs + after.outputs

    async def outcome(
        self,
        items: Iterable[Data],
        actor_type: type[AnyActor] | None = None,
        *,
        state: bytes | None = None,
        on_state: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        """Run a new actor as `run` does, and return the outcome.

        Args:
            items: its input.
            actor_type: a subclass that a check has defined.
            state: that it imports.
            on_state: receives the state that it exports, in place of a flush.

        Raises:
            NodeError: as in a session.
        """
        inbox, outlet = Inbox(), Inbox()
        actor = self.make(actor_type)
        port = _port(inbox)
        output = Output([_port(outlet, _SOURCE_ITEMS if actor.is_source else _UNLIMITED)])
        async with open_hook_loop(actor) as hooks:
            loop = ActorLoop(
                actor,
                actor.context,
                inbox,
                output,
                grace_seconds=_CLEANUP_SECONDS,
                asyncio_hooks=hooks,
            )
            background, outcome = loop.background, Outcome()
            outcome.late_emits = lambda: background.late_emits
            if on_state is not None:
                loop.control.set_export(on_state, _MOST_STATE_BYTES)
            try:
                await loop.initialize()
                if state is not None:
                    loop.control.set_import(state)
                    await port.send(Item(barrier(1)))
                if actor.is_source:
                    await port.send(Item(start_signal()))
                    with UnwrappedErrors():
                        async with trio.open_nursery() as nursery:
                            nursery.start_soon(_stop_source, port, outlet, outcome)
                            await loop.run()
                else:
                    for item in items:
                        await port.send(Item(item))
                    port.close()
                    await loop.run()
            finally:
                with trio.move_on_after(_CLEANUP_SECONDS, shield=True):
                    await loop.cleanup()
        while (got := outlet.take()) is not None:
            outcome.outputs.append(got.data)
        return outcome


async def _stop_source(port: LocalQueue, outlet: Inbox, outcome: Outcome) -> None:
    """Take the items of a source; stop it if it goes on for too long."""
    with trio.move_on_after(SOURCE_SECONDS), suppress(trio.EndOfChannel):
        while len(outcome.outputs) < _SOURCE_ITEMS:
            outcome.outputs.append((await outlet.receive()).data)
    outcome.was_stopped = not outlet.ended
    port.close()
    with suppress(trio.EndOfChannel):
        while True:  # what it flushes, and had emitted before
            outcome.outputs.append((await outlet.receive()).data)


class _FreeTasks:
    """Runs background tasks for a check that calls the hooks itself; drops what they emit.

    Args:
        nursery: of the tasks; None starts none.
    """

    def __init__(self, nursery: trio.Nursery | None) -> None:
        self._nursery = nursery

    async def emit(self, data: ActorOutput, sequence: int | None, timestamp_ms: int | None) -> None:
        del data, sequence, timestamp_ms
        await trio.lowlevel.checkpoint()

    def emit_from_thread(
        self, data: ActorOutput, sequence: int | None, timestamp_ms: int | None
    ) -> None:
        """Drop an item."""

    def start_soon(
        self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...], *, keep_open: bool
    ) -> None:
        del keep_open
        if self._nursery is not None:
            self._nursery.start_soon(function, *args)


class OnAsyncio:
    """An actor on asyncio, with its hooks as async functions of trio."""

    def __init__(self, actor: AnyActor, hooks: AsyncioHooks) -> None:
        self._actor = actor
        self.hooks = hooks

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._actor, name)
        return partial(self._call, found) if callable(found) else found

    def running_tasks(self) -> list[str]:
        """Return the names of the asyncio tasks that the actor has started."""
        return self.hooks.running_tasks()

    async def _call(self, hook: Callable[..., object], *args: object) -> object:
        result = await self.hooks.call(hook, *args)
        return self._emit(aiter(result)) if isinstance(result, AsyncIterable) else result

    async def _emit(self, iterator: AsyncIterator[object]) -> AsyncGenerator[object, None]:
        try:
            while (item := await self.hooks.call(anext_or_end, iterator)) is not END:
                yield item
        finally:
            if isinstance(iterator, AsyncGenerator):
                with trio.CancelScope(shield=True):
                    await self.hooks.call(iterator.aclose)


async def call(hook: Callable[..., object], *args: object) -> object:
    """Call a hook, sync or async."""
    result = hook(*args)
    return await result if inspect.isawaitable(result) else result


def ignore(_item: Data) -> None:
    """Ignore an output."""


async def processed(
    actor: AnyActor, item: Data, each: Callable[[Data], None] = ignore
) -> list[Data]:
    """Let an actor process one item, in a list if it has a batch; return its outputs."""
    result = await call(actor.process, item if actor.batch is None else [item])
    return await outputs_of(result, each)


async def items_of_source(actor: AnyActor) -> AsyncGenerator[Any, None]:
    """Iterate over the items of a source; those of a plain generator come from a thread."""
    result: Any = await call(actor.generate)
    if isinstance(result, AsyncIterable):
        async for item in result:
            yield item
    elif isinstance(result, Iterable):
        iterator: Iterator[Any] = iter(result)
        while True:
            item = await trio.to_thread.run_sync(next, iterator, None, abandon_on_cancel=True)
            if item is None:
                return
            yield item


async def outputs_of(result: object, each: Callable[[Data], None] = ignore) -> list[Data]:
    """Return the items of a hook's result; call `each` with every item at once."""
    items: list[Data] = []

    def take(item: Any) -> bool:
        items.append(item)
        each(item)
        return len(items) < MAX_OUTPUTS

    if isinstance(result, Data):
        take(result)
    elif isinstance(result, AsyncIterable):
        async for item in result:
            if not take(item):
                break
    elif isinstance(result, Iterable):
        for item in result:
            if not take(item):
                break
    return items


async def clean_up(actor: AnyActor) -> None:
    """Clean up an actor, in any state."""
    with suppress(Exception):  # another check reports it
        await call(actor.cleanup)


def raised(error: BaseException) -> str:
    """Return an error as text."""
    if isinstance(error, HookError):
        return f"{error.exception_type}: {error.detail}" if error.detail else error.exception_type
    return described(error)


def _port(inbox: Inbox, capacity: int = _UNLIMITED) -> LocalQueue:
    return inbox.open_queue(capacity=capacity, capacity_bytes=_UNLIMITED, drop_oldest=False)
