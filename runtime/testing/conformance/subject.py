"""The actor under check: created for each check, and driven as a session drives it."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import trio

from actors import Actor, Context, Data

from ...errors import HookError, described
from ...execution import END, ActorLoop, AsyncioHooks, anext_or_end, open_hook_loop
from ...links import Inbox, Item, LocalQueue, Output
from .samples import with_own_arrays

AnyActor = Actor[Any]

# Nothing waits in a check: there is room for every output.
_UNLIMITED: Final = 2**40
# A check takes no more from a generator, which may never end.
MAX_OUTPUTS: Final = 1000
_CLEANUP_SECONDS: Final = 5.0


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
        return kind(kind.params_type(**self.params), context=Context("checked"))

    @asynccontextmanager
    async def opened(self, actor_type: type[AnyActor] | None = None) -> AsyncIterator[AnyActor]:
        """Create an actor whose hooks can be called from trio, for the duration of the block."""
        actor = self.make(actor_type)
        async with open_hook_loop(actor) as hooks:
            yield actor if hooks is None else cast(AnyActor, OnAsyncio(actor, hooks))

    @asynccontextmanager
    async def started(self, *, initialized: bool = True) -> AsyncIterator[AnyActor]:
        """Create an actor for the duration of the block; clean it up at the end, in any state."""
        async with self.opened() as actor:
            try:
                if initialized:
                    await call(actor.initialize)
                yield actor
            finally:
                with trio.move_on_after(_CLEANUP_SECONDS, shield=True):
                    await clean_up(actor)

    def fresh_samples(self) -> list[Data]:
        """Return the samples with copies of their arrays."""
        return [with_own_arrays(item)[0] for item in self.samples]

    async def run(
        self, items: Iterable[Data], actor_type: type[AnyActor] | None = None
    ) -> list[Data]:
        """Run a new actor on some items, in the loop that runs all actors.

        Raises:
            NodeError: as in a session.
        """
        inbox, outlet = Inbox(), Inbox()
        port, output = _port(inbox), Output([_port(outlet)])
        actor = self.make(actor_type)
        async with open_hook_loop(actor) as hooks:
            loop = ActorLoop(actor, actor.context, inbox, output, asyncio_hooks=hooks)
            try:
                await loop.initialize()
                for item in items:
                    await port.send(Item(item))
                port.close()
                await loop.run()
            finally:
                with trio.move_on_after(_CLEANUP_SECONDS, shield=True):
                    await loop.cleanup()
        outputs = []
        while (got := outlet.take()) is not None:
            outputs.append(got.data)
        return outputs


class OnAsyncio:
    """An actor on asyncio, with its hooks as async functions of trio."""

    def __init__(self, actor: AnyActor, hooks: AsyncioHooks) -> None:
        self._actor = actor
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._actor, name)
        return partial(self._call, found) if callable(found) else found

    def running_tasks(self) -> list[str]:
        """Return the names of the asyncio tasks that the actor has started."""
        return self._hooks.running_tasks()

    async def _call(self, hook: Callable[..., object], *args: object) -> object:
        result = await self._hooks.call(hook, *args)
        return self._emit(aiter(result)) if isinstance(result, AsyncIterable) else result

    async def _emit(self, iterator: AsyncIterator[object]) -> AsyncGenerator[object, None]:
        try:
            while (item := await self._hooks.call(anext_or_end, iterator)) is not END:
                yield item
        finally:
            if isinstance(iterator, AsyncGenerator):
                with trio.CancelScope(shield=True):
                    await self._hooks.call(iterator.aclose)


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


def _port(inbox: Inbox) -> LocalQueue:
    return inbox.open_queue(capacity=_UNLIMITED, capacity_bytes=_UNLIMITED, drop_oldest=False)
