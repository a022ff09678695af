"""How a source runs: it generates items, and receives control messages at the same time."""

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from actors import Actor, Control, Data

from ..errors import UnwrappedErrors
from ..links import Item, is_start_signal
from .emission import Emission
from .hook_calls import HookCalls
from .node_control import LoopControl, NodeState
from .source_calls import GENERATE
from .timed_inbox import ItemInbox


class SourceEmission(Emission):
    """The outgoing side of a source: it numbers the items, and gives them a timestamp.

    Attributes:
        generation: cancels `generate`.

    Args:
        control: says whether the node is enabled; otherwise its items are dropped.
        clock: returns when an item enters, in nanoseconds of the session's clock.
        arguments: of `Emission`.
    """

    def __init__(self, control: LoopControl, clock: Callable[[], int], *arguments: Any) -> None:
        super().__init__(*arguments)
        self.generation = trio.CancelScope()
        self._control = control
        self._clock = clock
        self._next_sequence = 0
        self._began_at: float | None = None

    def begin(self) -> None:
        """Begin to measure the time."""
        self._began_at = trio.current_time()

    def item_of(self, data: Data) -> Item:
        """Return an output as an item, with the next number and the time since the beginning."""
        now = trio.current_time()
        passed = 0.0 if self._began_at is None else now - self._began_at
        item = Item(data, self._next_sequence, self._node_id, round(passed * 1000), self._clock())
        self._next_sequence += 1
        return item

    def item_from(self, data: Data, _origin: Item) -> Item:
        """Return an output as an item: a source has no item that it could come from."""
        return self.item_of(data)

    async def _send(self, hook: str, data: object) -> None:
        if self.generation.cancel_called:
            await trio.lowlevel.checkpoint()  # raises Cancelled, also if the actor caught it before
        statistics = self._statistics
        statistics.processing.add(self._hooks.busy_seconds)
        self._hooks.busy_seconds = 0.0
        if self._control.state is NodeState.ENABLED:
            await super()._send(hook, data)
        else:
            statistics.cancelled += 1
            await trio.lowlevel.checkpoint_if_cancelled()


class SourceRun:
    """Generates items until the generator ends, or the session ends the node's input.

    Args:
        actor: whose `generate` it calls.
        inbox: the session's own link to the node: the start signal, then control messages.
        emission: sends the items.
        hooks: calls the actor.
        receive_control: handles a control message.
    """

    def __init__(
        self,
        actor: Actor[Any],
        inbox: ItemInbox,
        emission: SourceEmission,
        hooks: HookCalls,
        receive_control: Callable[[Item, Control], Awaitable[None]],
    ) -> None:
        self._generate = actor.generate
        self._inbox = inbox
        self._emission = emission
        self._hooks = hooks
        self._receive_control = receive_control
        self._started = trio.Event()

    async def run(self) -> None:
        """Generate.

        Raises:
            NodeError: the actor failed.
            PeerError: a reader is gone, or broken.
        """
        with UnwrappedErrors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, nursery.cancel_scope)
                self._emission.generation = nursery.cancel_scope
                try:
                    await self._started.wait()
                    self._emission.begin()
                    await self._emission.emit(
                        GENERATE, await self._hooks.call(GENERATE, self._generate)
                    )
                finally:
                    # Here, and not by trio, whose frame would refer to the error: see ActorLoop.
                    nursery.cancel_scope.cancel()
        self._emission.generation = trio.CancelScope()  # `flush` may emit
        while (item := self._inbox.take()) is not None:  # came too late for `_receive`
            await self._take(item)

    async def _receive(self, generation: trio.CancelScope) -> None:
        """Receive control messages; at the end of the input, cancel `generate`."""
        while True:
            try:
                item = await self._inbox.receive()
            except trio.EndOfChannel:
                generation.cancel()
                return
            await self._take(item)

    async def _take(self, item: Item) -> None:
        if is_start_signal(item.data):
            self._started.set()
        elif isinstance(item.data, Control):
            await self._receive_control(item, item.data)
