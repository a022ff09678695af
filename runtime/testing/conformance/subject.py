"""The actor that is being checked: made anew for each check, and driven as a loop drives it."""

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import trio

from actors import Actor, Context, Data

from ...errors import HookError
from ...execution import ActorLoop
from ...links import Inbox, Item, LocalQueue, Output
from .samples import with_own_arrays

AnyActor = Actor[Any]

# Nothing waits in a check: whatever an actor gives has its place.
_PLENTY: Final = 2**40
# What a check takes of a generator that may never end.
MOST_OUTPUTS: Final = 1000
_CLEANUP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Subject:
    """An actor class, with params and samples that it works with."""

    actor_type: type[AnyActor]
    params: Mapping[str, Any]
    samples: Sequence[Data]

    @property
    def name(self) -> str:
        """The class's name."""
        return self.actor_type.__name__

    def make(self, actor_type: type[AnyActor] | None = None) -> AnyActor:
        """Return a new actor of the class, or of a subclass that a check has made."""
        kind = actor_type or self.actor_type
        return kind(kind.params_type(**self.params), context=Context("checked"))

    @asynccontextmanager
    async def started(self, *, initialized: bool = True) -> AsyncIterator[AnyActor]:
        """Hold a new actor, and let it go at the end, whatever state it is in."""
        actor = self.make()
        try:
            if initialized:
                await call(actor.initialize)
            yield actor
        finally:
            with trio.move_on_after(_CLEANUP_SECONDS, shield=True):
                await clean_up(actor)

    def fresh_samples(self) -> list[Data]:
        """Return the samples over memory of their own."""
        return [with_own_arrays(item)[0] for item in self.samples]

    async def run(
        self, items: Iterable[Data], actor_type: type[AnyActor] | None = None
    ) -> list[Data]:
        """Run a new actor over some items in the one loop that runs all actors.

        Raises:
            NodeError: as a session would.
        """
        inbox, outlet = Inbox(), Inbox()
        port, output = _port(inbox), Output([_port(outlet)])
        actor = self.make(actor_type)
        loop = ActorLoop(actor, actor.context, inbox, output)
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


async def call(hook: Callable[..., object], *args: object) -> object:
    """Call a hook of either form."""
    result = hook(*args)
    return await result if inspect.isawaitable(result) else result


def nobody(_item: Data) -> None:
    """Look at no output."""


async def processed(
    actor: AnyActor, item: Data, each: Callable[[Data], None] = nobody
) -> list[Data]:
    """Let an actor process one item, as a list if it takes batches; return what it gave."""
    result = await call(actor.process, item if actor.batch is None else [item])
    return await outputs_of(result, each)


async def outputs_of(result: object, each: Callable[[Data], None] = nobody) -> list[Data]:
    """Return what a hook's result holds; `each` sees every item as it comes."""
    items: list[Data] = []

    def take(item: Any) -> bool:
        items.append(item)
        each(item)
        return len(items) < MOST_OUTPUTS

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
    """Let an actor go, whatever state it is in."""
    with suppress(Exception):  # another check looks at this
        await call(actor.cleanup)


def raised(error: BaseException) -> str:
    """Return what was raised, in words."""
    if isinstance(error, HookError):
        return f"{error.exception_type}: {error.detail}" if error.detail else error.exception_type
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _port(inbox: Inbox) -> LocalQueue:
    return inbox.open_queue(capacity=_PLENTY, capacity_bytes=_PLENTY, drop_oldest=False)
