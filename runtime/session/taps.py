"""Taps: who receives the outputs of a running session's nodes."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from actors import Data

from ..errors import MillraceError
from ..events import InitProgress
from ..links import Item, unnamed, weight_bytes

_TAP_ITEMS: Final = 1024
_TAP_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TappedOutput:
    """One output of a node, as the node emitted it.

    Attributes:
        node_id: the node.
        time_ns: when the node emitted it, in nanoseconds of the monotonic clock.
        entered_ns: when the chunk that it came from entered the session, on the same clock.
        missed: outputs of this node before it that the tap had no room for.
    """

    node_id: str
    data: Data
    sequence: int
    timestamp_ms: int
    entered_ns: int
    time_ns: int
    missed: int

    @property
    def latency_seconds(self) -> float:
        """The time from the entry of the chunk to this output, in seconds."""
        return (self.time_ns - self.entered_ns) / 1e9 if self.entered_ns else 0.0


class TapReceiver(Protocol):
    """Receives outputs of tapped nodes, and the end of the session.

    Attributes:
        delay_seconds: how long outputs of node processes may be on their way, so that many come at
            once, which costs less; 0 brings each at once.
    """

    @property
    def delay_seconds(self) -> float:
        """How long outputs of node processes may be on their way."""

    def put(self, item: Item, missed: int, time_ns: int) -> None:
        """Take an output, as `runtime.execution.Tap` does."""

    def put_missed(self, node_id: str, missed: int) -> None:
        """Take the number of outputs of a node that were missed, where no output follows them."""

    def put_progress(self, progress: InitProgress) -> None:
        """Take a report of a node's initialization."""

    def close(self, error: MillraceError | None) -> None:
        """The session has ended; with an error, if it failed."""


class TapQueue:
    """Receives the outputs of nodes. Iterate over it; the iteration ends with the session.

    Attributes:
        delay_seconds: see `TapReceiver`.
        missed: outputs that it had no room for, in all.
    """

    delay_seconds: Final = 0.0

    def __init__(self, *, capacity: int = _TAP_ITEMS, capacity_bytes: int = _TAP_BYTES) -> None:
        self.missed = 0
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._outputs: deque[tuple[TappedOutput, int]] = deque()
        self._bytes = 0
        self._missed_of: dict[str, int] = {}
        self._closed = False
        self._readers = trio.lowlevel.ParkingLot()

    def put(self, item: Item, missed: int, time_ns: int) -> None:
        """Add an output; count it as missed where there is no room."""
        node = item.source
        self.put_missed(node, missed)
        weight = weight_bytes(item.data)
        if len(self._outputs) >= self._capacity or (
            self._outputs and self._bytes + weight > self._capacity_bytes
        ):
            self.missed += 1
            self._missed_of[node] += 1
            return
        output = TappedOutput(
            node,
            unnamed(item.data),
            item.sequence,
            item.timestamp_ms,
            item.entered_ns,
            time_ns,
            self._missed_of.pop(node),
        )
        self._outputs.append((output, weight))
        self._bytes += weight
        self._readers.unpark()

    def put_missed(self, node_id: str, missed: int) -> None:
        """Count outputs of a node that were missed."""
        self._missed_of[node_id] = self._missed_of.get(node_id, 0) + missed
        self.missed += missed

    def put_progress(self, progress: InitProgress) -> None:
        """Do nothing: this queue is for outputs."""

    def close(self, _error: MillraceError | None) -> None:
        """End the iteration, after what waits."""
        self._closed = True
        self._readers.unpark_all()

    async def receive(self) -> TappedOutput:
        """Return the next output.

        Raises:
            trio.EndOfChannel: the session has ended.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._outputs:
            if self._closed:
                raise trio.EndOfChannel
            await self._readers.park()
        output, weight = self._outputs.popleft()
        self._bytes -= weight
        return output

    def __aiter__(self) -> "TapQueue":
        """Iterate over the outputs."""
        return self

    async def __anext__(self) -> TappedOutput:
        """Return the next output."""
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
