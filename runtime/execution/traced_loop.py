"""The actor loop of a session that is traced. Other sessions use the loop without it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from actors import Data

from ..links import Item
from .actor_loop import ActorLoop
from .node_tracer import NodeTracer, TracedCall


class TracedActorLoop(ActorLoop):
    """An actor loop that records its calls: of each hook, and of the items that are sampled.

    Args:
        tracer: records them.
        arguments: of `ActorLoop`.
        options: of `ActorLoop`.
    """

    def __init__(self, tracer: NodeTracer, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tracer = tracer
        self._interval = tracer.item_interval or 1

    async def initialize(self) -> None:
        """Call the actor's `initialize`.

        Raises:
            HookError: it raised.
        """
        with self._tracer.call("initialize"):
            await super().initialize()

    async def cleanup(self) -> None:
        """Call the actor's `cleanup`. It is shielded from cancellation: give it a deadline."""
        with self._tracer.call("cleanup"):
            await super().cleanup()

    async def _flush(self) -> None:
        with self._tracer.call("flush"):
            await super()._flush()

    def _process_directly(self, item: Item) -> Awaitable[None] | None:
        # Most items are not traced: for them, no call but the one that the plain loop makes.
        if item.sequence % self._interval or not self._tracer.samples(item):
            return ActorLoop._process_directly(self, item)
        return self._process_sampled(item)

    async def _process_sampled(self, item: Item) -> None:
        with self._tracer.call("process", item, count=1) as call, self._noted(call):
            rest = super()._process_directly(item)
            if rest is not None:
                await rest

    async def _process(self, items: list[Item], data: list[Data]) -> None:
        # An item that is processed directly comes here too, if a control message waits for it.
        sampled = [] if self._tracer.is_in_call else list(filter(self._tracer.samples, items))
        if not sampled:
            await super()._process(items, data)
            return
        with self._tracer.call("process", *sampled, count=len(items)) as call, self._noted(call):
            await super()._process(items, data)

    @contextmanager
    def _noted(self, call: TracedCall) -> Iterator[None]:
        """Note what the loop does in the block."""
        statistics = self.statistics
        sent, cancelled = statistics.items_out, statistics.cancelled
        try:
            yield
        finally:
            call.outputs = statistics.items_out - sent
            call.is_interrupted = statistics.cancelled > cancelled
            call.busy_seconds = self._hooks.busy_seconds


def actor_loop_of(tracer: NodeTracer | None) -> Callable[..., ActorLoop]:
    """Return what creates the loop of a node: the one that records, if there is a tracer."""
    return ActorLoop if tracer is None else partial(TracedActorLoop, tracer)


def load_recorded(tracer: NodeTracer | None) -> AbstractContextManager[object]:
    """Return a block that records how an actor is imported and created, if there is a tracer."""
    return nullcontext() if tracer is None else tracer.call("load")
