"""Records the hops of a node while its session is explained; see `runtime.latency`."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from actors import Control

from ..latency import Hop, is_sampled
from ..links import Item, Output
from .call_clock import CallTimes

# An actor may emit for an item long after it took it, at the end of the stream. It emits with the
# sequence of the last one.
_MOST_TAKEN: Final = 256

RecordHops = Callable[[Sequence[Hop]], None]
"""Takes hops when their outputs were sent."""


@dataclass(slots=True)
class _Taken:
    """A sampled item that the node has taken. It keeps no data, which may be in shared memory."""

    source: str
    source_number: int
    free_ns: int
    taken_ns: int
    blocked_ns: int = 0


class Taking(Protocol):
    """What a node takes items from, as an inbox."""

    def taken(self) -> Mapping[str, int]:
        """Return how many items were taken from each producer, or dropped before that."""


class Working(Protocol):
    """What calls an actor.

    Attributes:
        times: when the last call began and ended, in seconds of the monotonic clock.
        busy_seconds: how long the actor's code has run for the current item.
    """

    @property
    def times(self) -> CallTimes: ...  # noqa: D102

    @property
    def busy_seconds(self) -> float: ...  # noqa: D102


class HopObserver:
    """Stands between a node and its output, and is told which items the node processes.

    A node that is not explained has none, and pays nothing.

    Args:
        inbox: of the node.
        output: of the node.
        hooks: call its actor.
        is_source: whether its items come from no other node.
        interval: see `is_sampled`.
        record: takes the hops.
    """

    def __init__(
        self,
        inbox: Taking,
        output: Output,
        hooks: Working,
        is_source: bool,
        interval: int,
        record: RecordHops,
    ) -> None:
        self._inbox = inbox
        self._output = output
        self._hooks = hooks
        self._is_source = is_source
        self._interval = interval
        self._record = record
        self._taken: OrderedDict[tuple[int, int], _Taken] = OrderedDict()
        self._unblocked_ns = 0

    def take(self, item: Item) -> None:
        """Note that the node has taken an item, which it processes now or with a batch."""
        if not self._samples(item):
            return
        now = time.monotonic_ns()
        # The end of the actor's last call. It is of the same clock, but in seconds.
        free_ns = max(round(1e9 * self._hooks.times[1]), self._unblocked_ns)
        number = self._inbox.taken().get(item.source, 0) - 1
        key = (item.sequence, item.entered_ns)
        self._taken[key] = _Taken(item.source, max(number, 0), min(free_ns, now), now)
        self._taken.move_to_end(key)
        if len(self._taken) > _MOST_TAKEN:
            self._taken.popitem(last=False)

    def try_send(self, item: Item) -> bool:
        """Pass `item` on if that takes no waiting; return whether it was.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        if not self._samples(item):
            return self._output.try_send(item)
        number, began = self._output.sent_items, time.monotonic_ns()
        if not self._output.try_send(item):
            return False
        self._emitted(item, number, began)
        return True

    async def send(self, item: Item) -> None:
        """Pass `item` to every reader, waiting for the slowest.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        number, began = self._output.sent_items, time.monotonic_ns()
        await self._output.send(item)
        self._unblocked_ns = time.monotonic_ns()
        if self._samples(item):
            self._emitted(item, number, began)

    async def end(self) -> None:
        """End the stream at every reader.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        await self._output.end()

    def _samples(self, item: Item) -> bool:
        return is_sampled(item.entered_ns, self._interval) and not isinstance(item.data, Control)

    def _emitted(self, item: Item, number: int, began_ns: int) -> None:
        now = time.monotonic_ns()
        taken = self._taken.get((item.sequence, item.entered_ns))
        if taken is None and self._is_source:  # the item begins here
            taken = _Taken("", 0, item.entered_ns, item.entered_ns)
        elif taken is None:  # before the session was explained
            return
        self._record(
            [
                Hop(
                    item.sequence,
                    item.entered_ns,
                    taken.source,
                    taken.source_number,
                    taken.free_ns,
                    taken.taken_ns,
                    round(1e9 * self._hooks.busy_seconds),
                    taken.blocked_ns,
                    number,
                    began_ns,
                    now,
                )
            ]
        )
        taken.blocked_ns += now - began_ns
