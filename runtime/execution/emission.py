"""Emitting what the hooks of an actor return: one item, many, or none, at once or awaited."""

import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from types import GeneratorType
from typing import Any, Final

import trio

from actors import Actor, Context, Control, Data, Json, Kind, Routed, Timestamped

from ..errors import NodeError
from ..links import Item, Notice, Output, name_of, named, unnamed
from .hook_calls import END, HookCalls, anext_or_end, describe_unproduced
from .hop_observer import HopObserver
from .node_control import InspectedOutput
from .statistics import NodeStatistics

# How long an actor may emit one output after the other before other tasks run.
_CHECKPOINT_SECONDS: Final = 0.001

NO_ITEM: Final = Item(Json(None))
"""Stands for the current item where there is none."""

AT_ONCE: Final = frozenset({GeneratorType, list, tuple})
"""The types of results whose items need no turn of the scheduler each."""

Announce = Callable[[Notice], Awaitable[None]]


class Emission:
    """The outgoing side of one actor.

    Attributes:
        output: receives the items.
        current: the item that is being processed. Outputs carry its sequence and timestamps.
        scope: cancels the processing of the current item; None where nothing is awaited.
    """

    def __init__(
        self,
        actor: Actor[Any],
        context: Context,
        hooks: HookCalls,
        output: Output,
        statistics: NodeStatistics,
        announce: Announce | None,
    ) -> None:
        """Create the outgoing side.

        Args:
            actor: declares which kinds it produces.
            context: of the actor: the node is the source of every output.
            hooks: calls the iterators that hooks return.
            output: receives the items.
            statistics: counts them.
            announce: notifies the nodes downstream of a control message before it is sent.
        """
        self.output: Output | InspectedOutput | HopObserver = output
        self.current = NO_ITEM
        self.scope: trio.CancelScope | None = None
        self._produces = actor.produces
        self._plain = actor.produces - {Kind.CONTROL}  # sent without an announcement
        self._actor_type = type(actor)
        self._node_id = context.node_id
        self._readers = context.readers
        self._hooks = hooks
        self._statistics = statistics
        self._announce = announce
        self._announced = 0
        self._next_checkpoint = 0.0

    async def emit(self, hook: str, result: object) -> None:
        """Send what a hook returned.

        Raises:
            NodeError: it is no data, or of a kind that the actor does not declare.
            HookError: an iterator of the actor raised.
            PeerError: a reader is gone, or broken.
        """
        if result is None:
            return
        if isinstance(result, Data):
            await self._send(hook, result)
        elif isinstance(result, AsyncIterable):
            await self._emit_async(hook, result)
        elif isinstance(result, Iterable) and not isinstance(result, str | bytes | dict):
            await self._emit_each(hook, iter(result))
        else:
            await self._send(hook, result)

    def emit_at_once(self, hook: str, outputs: Any) -> Awaitable[None] | None:
        """Send the outputs of an iterable without a coroutine; return what is left to await.

        That is where a reader has no room, other tasks should have a turn, or an output is no plain
        item.

        Args:
            hook: that gave them.
            outputs: of a type of `AT_ONCE`.

        Raises:
            HookError: the iterator raised.
            PeerError: a reader is gone, or broken.
        """
        iterator, hooks = iter(outputs), self._hooks
        until = time.perf_counter() + _CHECKPOINT_SECONDS
        while True:
            data = hooks.call_directly(hook, next, iterator, END)
            if data is END:
                return None
            if not (isinstance(data, Data) and data.kind in self._plain):
                return self._emit_each(hook, iterator, data)
            outgoing = self.item_of(data)
            try:
                is_sent = self.output.try_send(outgoing)
            except BaseException:
                if isinstance(iterator, Generator):
                    hooks.call_directly(hook, iterator.close)
                raise
            if not is_sent:
                # As the item that it is: a tap has seen it, and knows it again.
                return self._emit_each(hook, iterator, outgoing)
            self._statistics.items_out += 1
            if hooks.times[1] > until:
                return self._emit_each(hook, iterator)

    def item_of(self, data: Data) -> Item:
        """Return an output as an item, with the sequence and timestamps of the current one."""
        current = self.current
        return Item(data, current.sequence, self._node_id, current.timestamp_ms, current.entered_ns)

    def item_from(self, data: Data, origin: Item) -> Item:
        """Return an output as an item, with the sequence and timestamps of another item."""
        return Item(data, origin.sequence, self._node_id, origin.timestamp_ms, origin.entered_ns)

    async def send_timed(self, outgoing: Item) -> None:
        """Send an item that may have to wait for its readers, and measure how long it does."""
        began = time.perf_counter()
        await self.output.send(outgoing)
        seconds = time.perf_counter() - began
        self._statistics.sending_seconds += seconds
        self._statistics.sending.add(seconds)

    async def _emit_each(self, hook: str, iterator: Iterator[object], first: object = END) -> None:
        """Send what an iterator yields; before that, an output or item that it yielded already."""
        try:
            if isinstance(first, Item):
                await self._send_item(first)
                await self.checkpoint_if_due()
                item: object = END
            else:
                item = await self._hooks.awaited(hook, first)
            while True:
                if item is not END:
                    await self._send(hook, item)
                    await self.checkpoint_if_due()
                item = await self._hooks.call(hook, next, iterator, END)
                if item is END:
                    return
        finally:
            if isinstance(iterator, Generator):
                with trio.CancelScope(shield=True):
                    await self._hooks.call(hook, iterator.close)

    async def _emit_async(self, hook: str, result: AsyncIterable[object]) -> None:
        iterator = aiter(result)
        try:
            while True:
                item = await self._hooks.call(hook, anext_or_end, iterator)
                if item is END:
                    return
                await self._send(hook, item)
                await self.checkpoint_if_due()
        finally:
            if isinstance(iterator, AsyncGenerator):
                with trio.CancelScope(shield=True):
                    await self._hooks.call(hook, iterator.aclose)

    async def checkpoint_if_due(self) -> None:
        """Let other tasks run between two outputs: one may receive the message to stop."""
        now = time.perf_counter()
        if now > self._next_checkpoint:
            await trio.lowlevel.checkpoint()
            self._next_checkpoint = time.perf_counter() + _CHECKPOINT_SECONDS

    async def _send(self, hook: str, data: object) -> None:
        if isinstance(data, Data) and data.kind in self._produces:
            outgoing = self.item_of(data)
        else:
            outgoing = self.checked(hook, data)
        await self._send_item(outgoing)

    async def _send_item(self, outgoing: Item) -> None:
        if self.scope is not None and self.scope.cancel_called:
            await trio.lowlevel.checkpoint()  # raises Cancelled: nothing is sent any more
        await self.pass_on(outgoing)

    def checked(self, hook: str, data: object, origin: Item | None = None) -> Item:
        """Return an output as an item; it may have a timestamp or a reader of its own.

        Args:
            hook: that gave it.
            data: the output.
            origin: the item that it comes from; None for the current one.

        Raises:
            NodeError: it is none, of a kind that the actor does not declare, or for a node that
                does not read it.
        """
        to = ""
        if isinstance(data, Routed):
            to, data = self._reader(hook, data.to), data.data
            self._statistics.routed += 1
        inner = data.data if isinstance(data, Timestamped) else data
        if not isinstance(inner, Data) or inner.kind not in self._produces:
            raise NodeError(
                self._node_id, describe_unproduced(self._actor_type, self._produces, hook, inner)
            )
        item = self.item_of(inner) if origin is None else self.item_from(inner, origin)
        if isinstance(data, Timestamped):
            item.timestamp_ms = data.timestamp_ms
        item.to = to
        return item

    def _reader(self, hook: str, reader: str) -> str:
        if reader not in self._readers:
            readers = ", ".join(self._readers) or "none"
            raise NodeError(
                self._node_id,
                f"{hook}() routed an item to {reader!r}, which does not read this node; its "
                f"readers: {readers}",
            )
        return reader

    async def pass_on(self, outgoing: Item) -> None:
        """Send an item to the readers.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        if isinstance(outgoing.data, Control):
            outgoing.data = await self._announce_control(outgoing.data)
        if not self.output.try_send(outgoing):
            await self.send_timed(outgoing)
        self._statistics.items_out += 1

    async def _announce_control(self, control: Control) -> Control:
        """Notify the nodes downstream of a control message; return it with its name."""
        name = name_of(control)
        control = unnamed(control)
        if control.message is None or self._announce is None or name is not None:
            return control
        self._announced += 1
        name = f"{self._node_id}.{self._announced}"
        await self._announce(Notice.of(control, name))
        return named(control, name)
