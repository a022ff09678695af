"""The loop of one session of a batched host, and the batches of all its sessions."""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import trio

from actors import Actor, Context, Control, Data
from actors.batched_calls import entries_of

from ..links import Inbox, Output
from .actor_loop import ActorLoop
from .call_clock import CallTimes
from .fork_guard import ForkGuard
from .node_tracer import NodeTracer
from .traced_loop import TracedActorLoop

HOOK: Final = "process_batch"


class _Entry:
    """One item of one session, from when its loop has taken it until there are outputs.

    Attributes:
        outcome: the outputs, or an exception; None as long as there is neither, and when the loop
            has it.
        is_cancelled: whether nobody waits for the outputs any more.
        is_done: whether the loop was woken.
        task: of the session's loop, which waits.
    """

    __slots__ = ("came_at", "data", "is_cancelled", "is_done", "outcome", "state", "task")

    def __init__(self, state: Any, data: Data) -> None:
        self.state = state
        self.data = data
        self.came_at = trio.current_time()
        self.outcome: tuple[Any, BaseException | None] | None = None
        self.is_cancelled = self.is_done = False
        self.task = trio.lowlevel.current_task()

    def finish(self, output: Any) -> None:
        """Wake the loop with the outputs, or with an exception."""
        if not self.is_done:
            is_error = isinstance(output, BaseException)
            self.outcome = (None, output) if is_error else (output, None)
            self.is_done = True
            trio.lowlevel.reschedule(self.task)


class Batcher:
    """Gives the items of all sessions of a host to its actor, a batch at a time.

    Sessions are served in the order in which their items came. Each waits for its outputs before it
    takes the next item, so a batch has one item of a session at most: none gets more than its share
    of the batches, and each keeps its order.

    Attributes:
        sessions: how many there are; a batch with an item of each does not wait for more.
        batches: how many there were.
        items: how many items they had together.
    """

    def __init__(
        self,
        actor: Actor[Any],
        *,
        wait_seconds: float,
        times: CallTimes,
        fork_guard: ForkGuard,
    ) -> None:
        """Create it.

        Args:
            actor: of the host, initialized.
            wait_seconds: how long the first item of a batch waits for those of other sessions.
            times: receives when each call of `process_batch` begins and ends.
            fork_guard: ends a forked copy of this process that returns from a call.
        """
        self.sessions = self.batches = self.items = 0
        self._actor = actor
        self._wait_seconds = wait_seconds
        self._times = times
        self._fork_guard = fork_guard
        self._waiting: deque[_Entry] = deque()
        self._running: list[_Entry] = []
        self._call_scope = trio.CancelScope()
        self._came = trio.Event()
        self._is_full = trio.Event()

    async def process(self, state: Any, data: Data) -> Any:
        """Process an item of a session; return its outputs.

        A cancellation takes effect before the item's batch has begun, or else after it has ended:
        the state belongs to the actor meanwhile. If it concerns all items of the batch, an async
        call is cancelled.

        Raises:
            Exception: what the actor raised for this item.
        """
        entry = _Entry(state, data)
        self._waiting.append(entry)
        self._came.set()
        if len(self._waiting) >= self.sessions:
            self._is_full.set()

        def abort(_: object) -> trio.lowlevel.Abort:
            if entry in self._waiting:
                self._waiting.remove(entry)
                return trio.lowlevel.Abort.SUCCEEDED
            entry.is_cancelled = True
            if all(each.is_cancelled for each in self._running):
                self._call_scope.cancel()
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        await trio.lowlevel.checkpoint_if_cancelled()
        assert entry.outcome is not None
        outputs, error = entry.outcome
        entry.outcome = None
        if error is None:
            return outputs
        try:
            raise error
        finally:
            del error, outputs  # the frame would refer to the error, and the error to the frame

    async def run(self) -> None:
        """Process batches, for ever."""
        while True:
            while not self._waiting:
                self._came = trio.Event()
                await self._came.wait()
            await self._wait_for_others()
            batch = list(self._waiting)
            self._waiting.clear()
            if batch:
                await self._process(batch)
            del batch
            # The loops of the sessions send their outputs, and take what has come meanwhile.
            await trio.lowlevel.checkpoint()

    async def _wait_for_others(self) -> None:
        if not self._wait_seconds or len(self._waiting) >= self.sessions:
            return
        self._is_full = trio.Event()
        with trio.move_on_at(self._waiting[0].came_at + self._wait_seconds):
            await self._is_full.wait()

    async def _process(self, batch: list[_Entry]) -> None:
        self.batches += 1
        self.items += len(batch)
        try:
            outputs = await self._outputs(batch)
            if len(batch) > 1 and isinstance(outputs, BaseException):
                # Not all of them at once again: one item of one client must not end the sessions of
                # all others.
                for entry in batch:
                    entry.finish((await self._outputs([entry]))[0])
            else:
                for entry, output in zip(batch, outputs, strict=True):
                    entry.finish(output)
        finally:
            # The host ends: nobody waits for a batch that will never be there.
            for entry in batch:
                entry.finish(None)

    async def _outputs(self, batch: list[_Entry]) -> Any:
        """Return an entry for each of the batch; the exception if the call of several raised."""
        self._running = batch
        try:
            with trio.CancelScope() as self._call_scope:
                return await self._call(batch)
            return [None] * len(batch)  # which nobody waits for
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 (of the actor's code; its session raises it)
            return [error] if len(batch) == 1 else error
        finally:
            self._running = []

    async def _call(self, batch: list[_Entry]) -> Any:
        self._times[0] = time.perf_counter()
        try:
            returned: object = self._actor.process_batch(
                [(each.state, each.data) for each in batch]
            )
            if isinstance(returned, Awaitable):
                returned = await returned
        finally:
            if self._fork_guard.is_copy:
                self._fork_guard.end_copy("", HOOK)
            self._times[1] = time.perf_counter()
        return entries_of(type(self._actor).__name__, returned, len(batch))


class BatchedLoop(ActorLoop):
    """The loop of a node whose actor is that of a host: it has a state of its own.

    Args:
        actor: of the host.
        context: of the node.
        batcher: of the host.
        options: of `ActorLoop`.
    """

    def __init__(
        self,
        actor: Actor[Any],
        context: Context,
        inbox: Inbox,
        output: Output,
        *,
        batcher: Batcher,
        **options: Any,
    ) -> None:
        super().__init__(actor, context, inbox, output, **options)
        self._batcher = batcher
        self._state: Any = None
        self._hooks.calls_directly = False  # a batch is awaited

    async def initialize(self) -> None:
        """Open the state of the session.

        Raises:
            HookError: `open_state` raised.
        """
        self._state = await self._hooks.call("open_state", self._actor.open_state, self._context)

    async def cleanup(self) -> None:
        """Drop the state of the session."""
        await trio.lowlevel.checkpoint()
        self._state = None

    async def _call_and_emit(self, given: Data | list[Data]) -> None:
        # As a hook: the time that an item waits for its batch counts, for the watchdog too.
        called = self._hooks.call(HOOK, self._process_in_batch, given)
        await self._emission.emit(HOOK, await called)

    async def _call_flush(self) -> None:
        called = self._hooks.call("flush_state", self._flush_state)
        await self._emission.emit("flush_state", await called)

    async def _call_on_control(self, control: Control) -> None:
        await self._hooks.call("on_state_control", self._on_state_control, control)

    # The frames of an error have the arguments of a call, and must not keep the state.

    async def _process_in_batch(self, data: Data) -> Any:
        return await self._batcher.process(self._state, data)

    def _flush_state(self) -> Any:
        return self._actor.flush_state(self._state)

    def _on_state_control(self, control: Control) -> Any:
        return self._actor.on_state_control(self._state, control)


class TracedBatchedLoop(TracedActorLoop, BatchedLoop):
    """The loop of a node of a host whose session is traced."""


def batched_loop_of(tracer: NodeTracer | None) -> Callable[..., BatchedLoop]:
    """Return what creates the loop of a node of a host: the one that records, if it is traced."""
    return BatchedLoop if tracer is None else partial(TracedBatchedLoop, tracer)
