"""The one loop that runs an actor, in the server and in a child process alike."""

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
from typing import Any, Final

import msgspec
import trio

from actors import ANY_KIND, Actor, Batch, Context, Control, Data, Json, Kind

from ..catalogue import Acceptance
from ..errors import KindError, NodeError, SharedMemoryError, sole_error
from ..links import (
    ControlLane,
    Inbox,
    Item,
    Notice,
    Output,
    PeerGoneError,
    name_of,
    name_of_mark,
    named,
    number_of_barrier,
    unnamed,
)
from .hook_calls import END, HookCalls, anext_or_end, describe_unproduced
from .loop_watch import LoopWatch
from .node_control import InspectedOutput, LoopControl, NodeState
from .statistics import NodeStatistics

# Whoever watches a process knows of its death at once; a node that sees a broken link leaves it
# this long to say what happened.
EXIT_REPORT_SECONDS: Final = 2.0

# An actor that gives one output after the other lets others run this often.
_CHECKPOINT_SECONDS: Final = 0.001

Announce = Callable[[Notice], Awaitable[None]]


class ActorLoop:
    """An actor with its links: receive, process, send; at the end of all streams, flush.

    Every error of the actor leaves here as a HookError or NodeError, wherever the loop runs.

    Attributes:
        statistics: kept up to date while it runs.
        control: of the node, from outside.

    Args:
        announce: is told of every control message that the actor gives, before it is sent.
        in_thread: call the actor in a worker thread, one call at a time, to keep trio's loop free.
        shares_loop: whether others suffer if the actor holds the loop; then it is found out.
    """

    def __init__(
        self,
        actor: Actor[Any],
        context: Context,
        inbox: Inbox,
        output: Output,
        *,
        announce: Announce | None = None,
        in_thread: bool = False,
        shares_loop: bool = False,
    ) -> None:
        self.statistics = NodeStatistics()
        self._actor = actor
        self._context = context
        self._inbox = inbox
        self._output: Output | InspectedOutput = output
        self._node_id = context.node_id
        self._accepts = Acceptance.of(type(actor))
        self._current = Item(Json(None))
        self._announce = announce
        self._announced = 0
        self._lane = ControlLane()
        self.control = LoopControl(output, self._lane, self._use_output, self._cancel_running)
        self._items: list[Item] = []
        self._held_back: Item | None = None
        self._plain: frozenset[Kind] = frozenset()  # of what the actor gives, what needs no telling
        self._running: trio.CancelScope | None = None
        self._next_checkpoint = 0.0
        watch = LoopWatch(self.statistics, context.log) if shares_loop else None
        self._hooks = HookCalls(context.node_id, in_thread=in_thread, watch=watch)

    async def initialize(self) -> None:
        """Let the actor get ready."""
        began = time.perf_counter()
        await self._hooks.call("initialize", self._actor.initialize)
        self.statistics.initialize_seconds = time.perf_counter() - began

    def notify(self, notice: Notice) -> None:
        """Take in a control message that overtakes the items; cancel the call that it means."""
        self._lane.notify(notice)
        if all(notice.covers(item.timestamp_ms) for item in self._items):
            self._cancel_running()

    def _use_output(self, output: Output | InspectedOutput) -> None:
        self._output = output

    def _cancel_running(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def run(self) -> None:
        """Process everything that comes, flush, and end the streams that go out."""
        try:
            await self._run_beside_pumps()
        except PeerGoneError as error:
            await self._wait_for_cause(error)
        except SharedMemoryError as error:
            raise error.at(self._node_id) from None

    async def cleanup(self) -> None:
        """Let the actor let go of everything; shielded, so give it a deadline."""
        with trio.CancelScope(shield=True):
            await self._hooks.call("cleanup", self._actor.cleanup)

    async def _run_beside_pumps(self) -> None:
        try:
            async with trio.open_nursery() as pumps:
                self._output.start_pumps(pumps)
                await self._process_all()
                await self._deliver_controls()
                if self.control.state is not NodeState.DISABLED:
                    await self._emit("flush", await self._hooks.call("flush", self._actor.flush))
                await self._output.end()
        except BaseExceptionGroup as group:
            raise sole_error(group) from None

    async def _process_all(self) -> None:
        actor, lane, statistics = self._actor, self._lane, self.statistics
        self._plain = actor.produces - {Kind.CONTROL}
        is_plain = actor.batch is None and not self._hooks.in_thread
        while True:
            item = self._try_receive() or await self._receive()
            if item is None:
                return
            if isinstance(item.data, Control):
                await self._forward_control(item, item.data)
            elif not lane.is_idle and lane.drops(item.timestamp_ms, item.source):
                statistics.items_in += 1
                statistics.cancelled += 1
            elif not lane.is_idle and self.control.state is not NodeState.ENABLED:
                await self._divert(item)
            elif is_plain:
                rest = self._process_directly(item)
                if rest is not None:
                    await rest
            else:
                batch = await self._collect_batch(item, actor.batch)
                await self._process(batch, [self._accept(each) for each in batch])

    async def _divert(self, item: Item) -> None:
        """Emit an item that a bypassed node received; drop one that a disabled node received."""
        self.statistics.items_in += 1
        if self.control.passes(item.data):
            await self._output.send(msgspec.structs.replace(item, source=self._node_id))
            self.statistics.items_out += 1
        else:
            self.statistics.cancelled += 1

    def _try_receive(self) -> Item | None:
        if self._held_back is not None:
            item, self._held_back = self._held_back, None
            return item
        began = time.perf_counter()
        came = self._inbox.try_receive()
        self.statistics.waiting_seconds += time.perf_counter() - began
        return came

    async def _receive(self) -> Item | None:
        """Return the next item; None at the end of all streams."""
        began = time.perf_counter()
        try:
            return await self._inbox.receive()
        except trio.EndOfChannel:
            return None
        finally:
            self.statistics.waiting_seconds += time.perf_counter() - began

    async def _collect_batch(self, first: Item, batch: Batch | None) -> list[Item]:
        """Return the items of one call: one, or as many as the actor wants and as come in time."""
        items = [first]
        if batch is None:
            return items
        with trio.move_on_after(batch.seconds):
            while len(items) < batch.items:
                item = await self._receive()
                if item is None:
                    break
                if isinstance(item.data, Control):
                    self._held_back = item  # its turn is after the batch
                    break
                items.append(item)
        wanted = [item for item in items if not self._is_cancelled(item)]
        self.statistics.items_in += len(items) - len(wanted)
        self.statistics.cancelled += len(items) - len(wanted)
        return wanted

    def _is_cancelled(self, item: Item) -> bool:
        if self._lane.drops(item.timestamp_ms, item.source):
            return True
        # The notice of a control message may be slower than the message itself.
        held = self._held_back
        return (
            held is not None
            and isinstance(held.data, Control)
            and held.source == item.source
            and Notice.of(held.data, "").covers(item.timestamp_ms)
        )

    def _process_directly(self, item: Item) -> Awaitable[None] | None:
        """Process one item without a coroutine, as most can be; return what is left to await."""
        if not self._lane.is_idle and self._lane.has_pending:
            return self._process([item], [self._accept(item)])
        data = item.data if item.data.kind in self._accepts.kinds else self._accept(item)
        self._begin(item, 1)
        result = self._hooks.call_directly("process", self._actor.process, data)
        if isinstance(result, Data) and result.kind in self._plain:
            outgoing = self._item_of(result)
            if not self._output.try_send(outgoing):
                return self._await_cancellable([item], self._output.send(outgoing), outputs=1)
            self.statistics.items_out += 1
        elif result is not None:
            return self._await_cancellable([item], self._emit_awaited(result))
        self.statistics.processing.add(self._hooks.busy_seconds)
        return None

    async def _process(self, items: list[Item], data: list[Data]) -> None:
        if not items:
            return
        await self._deliver_controls()
        self._begin(items[-1], len(items))
        given = data[0] if self._actor.batch is None else data
        await self._await_cancellable(items, self._call_and_emit(given))

    def _begin(self, item: Item, count: int) -> None:
        """Begin the processing of items, of which this is the last."""
        context = self._context
        self._current = item
        context.sequence = item.sequence
        context.timestamp_ms = item.timestamp_ms
        context.source = item.source
        self.statistics.items_in += count
        self._hooks.busy_seconds = 0.0

    async def _await_cancellable(
        self, items: list[Item], work: Awaitable[None], *, outputs: int = 0
    ) -> None:
        """Await the rest of a processing, unless a control message cancels it."""
        self._items = items
        with trio.CancelScope() as scope:
            self._running = scope
            try:
                await work
                self.statistics.items_out += outputs
            finally:
                self._running = None
        if scope.cancelled_caught:
            self.statistics.cancelled += len(items)
        self.statistics.processing.add(self._hooks.busy_seconds)

    async def _call_and_emit(self, given: Data | list[Data]) -> None:
        await self._emit("process", await self._hooks.call("process", self._actor.process, given))

    async def _emit_awaited(self, result: object) -> None:
        await self._emit("process", await self._hooks.awaited("process", result))

    async def _forward_control(self, item: Item, control: Control) -> None:
        """Let a control message go on to the readers, when all before it is done."""
        number = number_of_barrier(control)
        if number is not None:
            await self.control.report_barrier(number)
            return
        name = name_of(control)
        if name is not None:
            self._lane.record_arrival(name, item.source, control)
        elif name_of_mark(control) is None:
            self._lane.append(control)
        await self._deliver_controls()
        self._current = item
        accepts = self._actor.accepts
        if Kind.CONTROL in accepts and accepts != ANY_KIND and name_of_mark(control) is None:
            await self._process([item], [unnamed(control)])
        else:
            self.statistics.items_in += 1
        await self._output.send(msgspec.structs.replace(item, source=self._node_id))
        self.statistics.items_out += 1

    async def _deliver_controls(self) -> None:
        """Tell the actor what has come for it past the items."""
        for control in self._lane.take_pending():
            if type(self._actor).on_control is not Actor.on_control:
                await self._hooks.call("on_control", self._actor.on_control, control)

    async def _emit(self, hook: str, result: object) -> None:
        """Send what a hook returned, one item, many, or none."""
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

    async def _emit_each(self, hook: str, iterator: Iterator[object]) -> None:
        try:
            while True:
                item = await self._hooks.call(hook, next, iterator, END)
                if item is END:
                    return
                await self._send(hook, item)
                await self._checkpoint_if_due()
        finally:
            if isinstance(iterator, Generator):
                with trio.CancelScope(shield=True):
                    await self._hooks.call(hook, iterator.close)

    async def _checkpoint_if_due(self) -> None:
        """Let others run between two outputs, now and then: one may bring word to stop."""
        now = time.perf_counter()
        if now > self._next_checkpoint:
            await trio.lowlevel.checkpoint()
            self._next_checkpoint = time.perf_counter() + _CHECKPOINT_SECONDS

    async def _emit_async(self, hook: str, result: AsyncIterable[object]) -> None:
        iterator = aiter(result)
        try:
            while True:
                item = await self._hooks.call(hook, anext_or_end, iterator)
                if item is END:
                    return
                await self._send(hook, item)
                await self._checkpoint_if_due()
        finally:
            if isinstance(iterator, AsyncGenerator):
                with trio.CancelScope(shield=True):
                    await iterator.aclose()

    async def _send(self, hook: str, data: object) -> None:
        outgoing = self._outgoing(hook, data)
        if self._running is not None and self._running.cancel_called:
            await trio.lowlevel.checkpoint()  # nothing goes out any more
        if isinstance(outgoing.data, Control):
            outgoing.data = await self._announce_control(outgoing.data)
        if not self._output.try_send(outgoing):
            began = time.perf_counter()
            await self._output.send(outgoing)
            self.statistics.sending_seconds += time.perf_counter() - began
        self.statistics.items_out += 1

    def _outgoing(self, hook: str, data: object) -> Item:
        """Return what the actor gave as it travels on.

        Raises:
            NodeError: it declares nothing of that kind.
        """
        if not isinstance(data, Data) or data.kind not in self._actor.produces:
            raise NodeError(self._node_id, describe_unproduced(self._actor, hook, data))
        return self._item_of(data)

    def _item_of(self, data: Data) -> Item:
        """Return an item with the marks of the one that it came of."""
        current = self._current
        return Item(data, current.sequence, self._node_id, current.timestamp_ms, current.entered_ns)

    async def _announce_control(self, control: Control) -> Control:
        """Tell of a control message that the actor gives; return it as it travels."""
        name = name_of(control)
        control = unnamed(control)
        if control.message is None or self._announce is None or name is not None:
            return control
        self._announced += 1
        name = f"{self._node_id}.{self._announced}"
        await self._announce(Notice.of(control, name))
        return named(control, name)

    def _accept(self, item: Item) -> Data:
        data = self._accepts.taken(item.data)
        if data is None:
            raise KindError(self._node_id, self._accepts.refusal(item.data, item.source))
        return data

    async def _wait_for_cause(self, error: PeerGoneError) -> None:
        await trio.sleep(EXIT_REPORT_SECONDS)
        raise NodeError(error.peer or self._node_id, "closed its links without ending its stream")
