"""The one loop that runs an actor, in the server and in a child process alike."""

import time
from collections.abc import Awaitable
from types import FrameType
from typing import Any, Final

import msgspec
import trio

from actors import ANY_KIND, Actor, Batch, Context, Control, Data, Kind

from ..catalogue import Acceptance
from ..errors import KindError, NodeError, SharedMemoryError
from ..links import (
    ControlLane,
    Inbox,
    Item,
    Notice,
    Output,
    PeerError,
    PeerFaultError,
    name_of,
    name_of_mark,
    number_of_barrier,
    unnamed,
)
from .asyncio_hooks import AsyncioHooks
from .call_clock import CallTimes
from .emission import NO_ITEM, Announce, Emission
from .fork_guard import ForkGuard
from .hook_calls import HookCalls
from .loop_watch import LoopWatch
from .node_control import InspectedOutput, LoopControl, NodeState
from .statistics import NodeStatistics
from .thread_calls import ThreadCalls

# The supervisor of a process learns of its death at once. A node that sees a broken link waits this
# long for the session to end with that cause, before it reports the broken link itself.
EXIT_REPORT_SECONDS: Final = 2.0

# To take an item that is there lasts up to 20 us, which is no wait.
_WAIT_SECONDS: Final = 50e-6


class ActorLoop:
    """An actor with its links: receive, process, send; at the end of all streams, flush.

    It raises every error of the actor as a HookError or NodeError, in the server and in a node
    process alike.

    Attributes:
        statistics: kept up to date while the loop runs.
        control: controls the node from outside.
        times: when the last call of the actor began and ended.
        on_asyncio: whether the actor runs on asyncio.
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
        grace_seconds: float = 0.0,
        times: CallTimes | None = None,
        fork_guard: ForkGuard | None = None,
        key: str = "",
        asyncio_hooks: AsyncioHooks | None = None,
    ) -> None:
        """Create the loop.

        Args:
            actor: what it runs.
            context: the actor's context; the loop sets the sequence and the timestamp.
            inbox: the links that it reads.
            output: receives the actor's outputs.
            announce: notifies the nodes downstream of a control message before it is sent.
            in_thread: call the actor in a worker thread, one call at a time, to keep the event loop
                free.
            shares_loop: other tasks use the event loop: report an actor that holds it.
            grace_seconds: how long a call in the thread may go on after it was cancelled.
            times: receives when each call of the actor begins and ends.
            fork_guard: ends a forked copy of this process that returns from a call.
            key: of the node, in the report of such a copy; the node's id by default.
            asyncio_hooks: calls the actor on asyncio; None if it runs on trio.
        """
        self.times: CallTimes = [0.0, 0.0] if times is None else times
        self.statistics = NodeStatistics()
        self.on_asyncio = asyncio_hooks is not None
        self._actor = actor
        self._context = context
        self._inbox = inbox
        self._node_id = context.node_id
        self._accepts = Acceptance.of(type(actor))
        self._lane = ControlLane()
        self.control = LoopControl(output, self._lane, self._use_output, self._cancel_call)
        self._items: list[Item] = []
        self._held_back: Item | None = None
        self._waited_seconds = 0.0
        self._plain = actor.produces - {Kind.CONTROL}  # sent without an announcement
        watch = LoopWatch(self.statistics, context.log) if shares_loop else None
        threads = ThreadCalls(context.node_id, grace_seconds) if in_thread else None
        self._hooks = HookCalls(
            context.node_id,
            threads=threads,
            watch=watch,
            times=self.times,
            fork_guard=fork_guard,
            key=key or context.node_id,
            asyncio_hooks=asyncio_hooks,
        )
        self._emission = Emission(
            actor, context.node_id, self._hooks, output, self.statistics, announce
        )

    async def initialize(self) -> None:
        """Call the actor's `initialize`.

        Raises:
            HookError: it raised.
        """
        began = time.perf_counter()
        await self._hooks.call("initialize", self._actor.initialize)
        self.statistics.initialize_seconds = time.perf_counter() - began

    def notify(self, notice: Notice) -> None:
        """Receive the notice of a control message; cancel the call whose items it covers."""
        self._lane.notify(notice)
        if all(notice.covers(item.timestamp_ms) for item in self._items):
            self._cancel_call()

    def _use_output(self, output: Output | InspectedOutput) -> None:
        self._emission.output = output

    def _cancel_call(self) -> None:
        if self._emission.scope is not None:
            self._emission.scope.cancel()

    async def run(self) -> None:
        """Process every item, flush, and end the outgoing streams.

        Raises:
            NodeError: the actor failed, or a node that it is linked to.
            SharedMemoryError: an output does not fit into shared memory.
        """
        try:
            await self._process_all()
            await self._flush()
        except PeerError as error:
            await self._wait_for_cause(error)
        except SharedMemoryError as error:
            raise error.at(self._node_id) from None

    async def cleanup(self) -> None:
        """Call the actor's `cleanup`. It is shielded from cancellation: give it a deadline."""
        with trio.CancelScope(shield=True):
            await self._hooks.call("cleanup", self._actor.cleanup)

    def stack(self) -> str:
        """Return where the hook is that waits, or that a thread runs; empty if there is none."""
        return self._hooks.stack()

    def frames(self, innermost: FrameType) -> list[FrameType]:
        """Return the frames of a hook that a thread runs, the innermost first; see `HookCalls`."""
        return self._hooks.frames(innermost)

    def release(self) -> None:
        """Drop the actor and the last items, whose arrays may view shared memory.

        The loop and its control refer to each other, so that only the cyclic collector frees them.
        """
        del self._actor
        self._emission.current = NO_ITEM
        self._items = []
        self._held_back = None

    async def _flush(self) -> None:
        await self._deliver_controls()
        if self.control.state is not NodeState.DISABLED:
            await self._emission.emit("flush", await self._hooks.call("flush", self._actor.flush))
        await self._emission.output.end()

    async def _process_all(self) -> None:
        actor, lane, statistics = self._actor, self._lane, self.statistics
        is_plain = actor.batch is None and self._hooks.calls_directly
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
            await self._emission.output.send(msgspec.structs.replace(item, source=self._node_id))
            self.statistics.items_out += 1
        else:
            self.statistics.cancelled += 1

    def _try_receive(self) -> Item | None:
        if self._held_back is not None:
            item, self._held_back = self._held_back, None
            return item
        began = time.perf_counter()
        came = self._inbox.try_receive()
        seconds = time.perf_counter() - began
        self.statistics.waiting_seconds += seconds
        if came is None:
            self._waited_seconds = seconds  # for the item that `_receive` returns
        elif seconds >= _WAIT_SECONDS:
            self.statistics.waiting.add(seconds)
        return came

    async def _receive(self) -> Item | None:
        """Return the next item; None at the end of all streams."""
        began = time.perf_counter()
        came = None
        try:
            came = await self._inbox.receive()
        except trio.EndOfChannel:
            pass
        finally:
            seconds = time.perf_counter() - began
            self.statistics.waiting_seconds += seconds
            waited, self._waited_seconds = seconds + self._waited_seconds, 0.0
            if came is not None and waited >= _WAIT_SECONDS:
                self.statistics.waiting.add(waited)
        return came

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
            outgoing = self._emission.item_of(result)
            output = self._emission.output
            if not output.try_send(outgoing):
                sending = self._emission.send_timed(outgoing)
                return self._await_cancellable([item], sending, outputs=1)
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
        self._emission.current = item
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
            self._emission.scope = scope
            try:
                await work
                self.statistics.items_out += outputs
            finally:
                self._emission.scope = None
        if scope.cancelled_caught:
            self.statistics.cancelled += len(items)
        self.statistics.processing.add(self._hooks.busy_seconds)

    async def _call_and_emit(self, given: Data | list[Data]) -> None:
        await self._emission.emit(
            "process", await self._hooks.call("process", self._actor.process, given)
        )

    async def _emit_awaited(self, result: object) -> None:
        await self._emission.emit("process", await self._hooks.awaited("process", result))

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
        self._emission.current = item
        accepts = self._actor.accepts
        if Kind.CONTROL in accepts and accepts != ANY_KIND and name_of_mark(control) is None:
            await self._process([item], [unnamed(control)])
        else:
            self.statistics.items_in += 1
        await self._emission.output.send(msgspec.structs.replace(item, source=self._node_id))
        self.statistics.items_out += 1

    async def _deliver_controls(self) -> None:
        """Tell the actor what has come for it past the items."""
        for control in self._lane.take_pending():
            if type(self._actor).on_control is not Actor.on_control:
                await self._hooks.call("on_control", self._actor.on_control, control)

    def _accept(self, item: Item) -> Data:
        data = self._accepts.taken(item.data)
        if data is None:
            raise KindError(self._node_id, self._accepts.refusal(item.data, item.source))
        return data

    async def _wait_for_cause(self, error: PeerError) -> None:
        if not isinstance(error, PeerFaultError):  # that has no other cause
            await trio.sleep(EXIT_REPORT_SECONDS)
        raise NodeError(error.peer or self._node_id, error.reason)
