"""The one loop that runs an actor, in the server and in a child process alike."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import Any, Final

import msgspec
import trio

from actors import ANY_KIND, Actor, Context, Control, Data, Kind

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
from .asyncio_hooks import AsyncioHooks, tasks_on
from .background import BackgroundTasks
from .call_clock import CallTimes
from .emission import NO_ITEM, Announce, Emission
from .fork_guard import ForkGuard
from .hook_calls import HookCalls, blocks_in_generate
from .hop_observer import HopObserver
from .item_intake import ItemIntake
from .loop_watch import LoopWatch
from .node_control import InspectedOutput, LoopControl, NodeState
from .source_calls import SourceCalls
from .source_run import SourceEmission, SourceRun
from .statistics import NodeStatistics
from .thread_calls import ThreadCalls
from .timed_inbox import ItemInbox, TimedInbox

# The supervisor of a process learns of its death at once. A node that sees a broken link waits this
# long for the session to end with that cause, before it reports the broken link itself.
EXIT_REPORT_SECONDS: Final = 2.0


class ActorLoop(ItemIntake):
    """An actor with its links: receive, process, send; at the end of all streams, flush.

    It raises every error of the actor as a HookError or NodeError, in the server and in a node
    process alike.

    Attributes:
        statistics: kept up to date while the loop runs.
        control: controls the node from outside.
        times: when the last call of the actor began and ended.
        background: the background tasks of the actor.
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
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Create the loop.

        Args:
            actor: what it runs.
            context: the actor's context; the loop sets the sequence and the timestamp.
            inbox: the links that it reads.
            output: receives the actor's outputs.
            announce: notifies the nodes downstream of a control message before it is sent.
            in_thread: call the actor in a worker thread, one call at a time, off the event loop.
            shares_loop: other tasks use the event loop: report an actor that holds it.
            grace_seconds: how long a call in the thread may go on after it was cancelled.
            times: receives when each call of the actor begins and ends.
            fork_guard: ends a forked copy of this process that returns from a call.
            key: of the node, in the report of such a copy; the node's id by default.
            asyncio_hooks: calls the actor on asyncio; None if it runs on trio.
            clock: returns the time of the session's clock, in nanoseconds.
        """
        self.times: CallTimes = [0.0, 0.0] if times is None else times
        self.statistics = NodeStatistics()
        self._actor = actor
        self._context = context
        self._inbox: ItemInbox = inbox
        self._node_id = context.node_id
        self._accepts = Acceptance.of(type(actor))
        self._lane = ControlLane()
        self._items: list[Item] = []
        self._held_back: Item | None = None
        self._waited_seconds = 0.0
        self._plain = actor.produces - {Kind.CONTROL}  # sent without an announcement
        in_thread = in_thread or blocks_in_generate(actor)
        self._hooks = (SourceCalls if actor.is_source else HookCalls)(
            context.node_id,
            threads=ThreadCalls(context.node_id, grace_seconds) if in_thread else None,
            watch=LoopWatch(self.statistics, context.log) if shares_loop else None,
            times=self.times,
            fork_guard=fork_guard,
            key=key or context.node_id,
            asyncio_hooks=asyncio_hooks,
        )
        self._observer: HopObserver | None = None
        observer = partial(HopObserver, inbox, output, self._hooks, actor.is_source)
        self.control = LoopControl(
            output, self._lane, self._use_output, self._cancel_call, self._observe, observer
        )
        self._emission = (
            partial(SourceEmission, self.control, clock) if actor.is_source else Emission
        )(actor, context, self._hooks, output, self.statistics, announce)
        self.background = BackgroundTasks(self._emission, self._hooks, self.control, self._node_id)
        context.attach(tasks_on(asyncio_hooks, self.background))

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

    def _use_output(self, output: Output | InspectedOutput | HopObserver) -> None:
        self._emission.output = output

    def _observe(self, observer: HopObserver | None) -> None:
        """Note what calls begin with, or with None no longer; other loops have no branch for it."""
        self._observer = observer
        vars(self).pop("_begin", None)
        if observer is not None:
            self._begin = self._begin_observed  # type: ignore[method-assign]

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
            await self.background.run(self._work)
            await self._emission.output.end()
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
        del self._actor, self._inbox
        self._direct_inbox = None
        self._emission.current = NO_ITEM
        self._items = []
        self._held_back = None

    async def _work(self) -> None:
        if self._actor.intervals:
            self._inbox = TimedInbox.of(self._actor, self._inbox, self._call_at_interval)
        await (self._generate() if self._actor.is_source else self._process_all())
        await self.background.wait_closed()
        await self._flush()
        await self.background.wait_closed()

    async def _flush(self) -> None:
        await self._deliver_controls()
        if self.control.state is not NodeState.DISABLED:
            await self._emission.emit("flush", await self._hooks.call("flush", self._actor.flush))

    async def _process_all(self) -> None:
        actor, lane, statistics = self._actor, self._lane, self.statistics
        is_plain = actor.batch is None and self._hooks.calls_directly
        if is_plain and isinstance(self._inbox, Inbox):
            self._direct_inbox = self._inbox
            self._run_in_context = trio.lowlevel.current_task().context.run
        while not self._has_ended:
            item = self._try_receive() or await self._receive()
            if item is None:
                await self._finish_step()
            elif isinstance(item.data, Control):
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

    async def _finish_step(self) -> None:
        if self._rest is not None:
            rest, self._rest = self._rest, None
            await rest

    async def _call_at_interval(self, name: str) -> None:
        if self.control.state is NodeState.ENABLED:
            called = self._hooks.call(name, getattr(self._actor, name))
            await self._emission.emit(name, await called)

    async def _generate(self) -> None:
        assert isinstance(self._emission, SourceEmission)
        await SourceRun(
            self._actor, self._inbox, self._emission, self._hooks, self._forward_control
        ).run()

    async def _divert(self, item: Item) -> None:
        """Emit an item that a bypassed node received; drop one that a disabled node received."""
        self.statistics.items_in += 1
        self._hooks.busy_seconds = 0.0
        self._note_taken(item)
        if self.control.passes(item.data):
            item = msgspec.structs.replace(item, source=self._node_id, to="")
            await self._emission.output.send(item)
            self.statistics.items_out += 1
        else:
            self.statistics.cancelled += 1

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

    def _begin_observed(self, item: Item, count: int) -> None:
        if self._actor.batch is None:  # all items of a batch were noted
            self._note_taken(item)
        ActorLoop._begin(self, item, count)

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
