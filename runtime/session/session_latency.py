"""Explains the latency of a session's results, while somebody watches it."""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from ..execution import NodeStatistics
from ..latency import (
    Hop,
    LatencySummary,
    NodeFacts,
    PathAssembly,
    ResultLatency,
    is_sampled,
    summarize,
)
from ..links import Item
from ..plan import Plan, RemotePart
from .control_bus import ControlBus
from .session_input import SessionInput
from .session_output import SessionOutput

# A hop costs its node some 10 us, and the server as much: of a fast session, a part is enough.
_MOST_CHUNKS_PER_SECOND: Final = 100
_LEAST_CHUNKS_PER_SECOND: Final = 25
_WINDOW_NS: Final = 60_000_000_000
_MOST_RESULTS: Final = 8192
# A node process sends its hops at once, but a call of its actor that has begun ends first.
_GIVE_UP_NS: Final = 10_000_000_000
_TAKE_RESULTS: Final = 256
_DETACH_SECONDS: Final = 5.0

_Statistics = Callable[[], Mapping[str, NodeStatistics]]


class SessionLatency:
    """Follows chunks through a session, from `begin` to `end`. Before and after it costs nothing.

    Args:
        plan: of the session.
        session_input: where chunks enter.
        session_output: where results leave.
        bus: controls the nodes.
        statistics: returns the statistics of each node.
    """

    def __init__(
        self,
        plan: Plan,
        session_input: SessionInput,
        session_output: SessionOutput,
        bus: ControlBus,
        statistics: _Statistics,
    ) -> None:
        self._plan = plan
        self._generating = frozenset(plan.generating)
        # What goes to another host is followed from what enters the part there to its results.
        self._parts = {
            str(node.node_id): node.remote for node in plan.nodes if node.remote is not None
        }
        self._input = session_input
        self._output = session_output
        self._bus = bus
        self._statistics = statistics
        self._watchers = 0
        self._turn = trio.Lock()
        self._interval = 1
        self._explains_all = False
        self._reset()

    def _reset(self) -> None:
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        producers = {str(node.node_id): tuple(map(str, node.inputs)) for node in self._plan.nodes}
        producers |= {node: _outside(part, producers) for node, part in self._parts.items()}
        self._paths = PathAssembly(producers, self._epoch_ns, sources=self._generating)
        self._results: deque[ResultLatency] = deque()
        self._every = 1  # of the results that come, one of so many is kept
        self._came = 0
        self._entered = 0
        self._checked_ns = self._last_ns = time.monotonic_ns()
        self._work: deque[tuple[int, dict[str, float]]] = deque()

    @asynccontextmanager
    async def watched(self, *, interval: int, explains_all: bool) -> AsyncIterator[None]:
        """Explain results for as long as the block lasts. All watchers share what is found.

        Args:
            interval: to begin with, of so many chunks one is followed.
            explains_all: follow all chunks, however many they are.
        """
        self._watchers += 1
        try:
            async with self._turn:
                self._explains_all |= explains_all
                if self._watchers == 1:
                    self._reset()
                    await self._set_interval(1 if self._explains_all else interval)
                elif explains_all:
                    await self._set_interval(1)
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                with trio.move_on_after(_DETACH_SECONDS, shield=True):
                    async with self._turn:
                        if not self._watchers:
                            await self._stop()

    @property
    def results(self) -> Sequence[ResultLatency]:
        """The results that were found by the last summary, in the order in which they came."""
        return tuple(self._results)

    async def summary(self, *, is_last: bool = False) -> LatencySummary:
        """Return what is known of the last minute; where all chunks are followed, of all.

        Args:
            is_last: nothing more comes, so results whose way is not known are given up.
        """
        now = time.monotonic_ns()
        self._take(now if is_last else now - _GIVE_UP_NS)
        if not is_last:
            await self._adapt(now)
        if not self._explains_all:
            while self._results and self._results[0].entered_ns < now + self._epoch_ns - _WINDOW_NS:
                self._results.popleft()
        return summarize(
            self._results,
            self._facts(),
            channel_capacity=self._plan.settings.values.channel_capacity,
            incomplete=self._paths.incomplete,
            interval=self._interval,
        )

    async def _set_interval(self, interval: int) -> None:
        self._interval = interval
        # Nodes first: of a chunk that enters later, every hop is recorded.
        await self._bus.set_hops(self._on_hops, interval)
        self._input.set_sent(self._on_sent)
        self._output.set_arrived(self._on_result)

    async def _stop(self) -> None:
        self._input.set_sent(None)
        self._output.set_arrived(None)
        self._explains_all = False
        await self._bus.set_hops(None, 0)

    async def _adapt(self, now: int) -> None:
        """Follow a larger or a smaller part of the chunks, by how many have entered."""
        seconds = (now - self._checked_ns) / 1e9
        if self._explains_all or seconds < 0.5:
            return
        rate, self._entered, self._checked_ns = self._entered / seconds, 0, now
        interval = self._interval
        if rate > _MOST_CHUNKS_PER_SECOND:
            interval *= math.ceil(rate / _MOST_CHUNKS_PER_SECOND)
        elif rate < _LEAST_CHUNKS_PER_SECOND:
            interval = max(1, interval // 2)
        if interval != self._interval:
            async with self._turn:
                if self._watchers:
                    await self._set_interval(interval)

    def _on_sent(self, node_id: str, item: Item, sent_ns: int) -> None:
        if is_sampled(item.entered_ns, self._interval):
            part = self._parts.get(node_id)
            for node in (node_id,) if part is None else part.sinks:
                self._paths.enter(node, item.sequence, item.entered_ns, sent_ns)
            self._count_entered(1, item.entered_ns)

    def _on_hops(self, node_id: str, hops: Collection[Hop]) -> None:
        self._paths.add(node_id, hops)
        if hops and node_id in self._generating:
            self._count_entered(len(hops), time.monotonic_ns())

    def _count_entered(self, count: int, now_ns: int) -> None:
        self._entered += count
        if not self._work:
            self._note_work(now_ns)

    def _on_result(self, item: Item, number: int, free_ns: int, end_ns: int) -> None:
        self._last_ns = end_ns
        if is_sampled(item.entered_ns, self._interval):
            self._paths.arrive(
                item.source,
                number,
                sequence=item.sequence,
                entered_ns=item.entered_ns,
                free_ns=free_ns,
                end_ns=end_ns,
            )
            if self._paths.waiting >= _TAKE_RESULTS and not self._paths.waiting % _TAKE_RESULTS:
                self._take(end_ns - _GIVE_UP_NS)

    def _take(self, before_ns: int) -> None:
        for result in self._paths.take(before_ns):
            if not self._came % self._every:
                self._results.append(result)
            self._came += 1
        if len(self._results) > _MOST_RESULTS:
            # Of the whole run, and not only of its end.
            self._results = deque(list(self._results)[::2])
            self._every *= 2

    def _note_work(self, now_ns: int) -> None:
        seconds = {
            node: statistics.processing.total_seconds
            for node, statistics in self._statistics().items()
        }
        self._work.append((now_ns, seconds))
        while not self._explains_all and self._work[0][0] < now_ns - _WINDOW_NS:
            self._work.popleft()

    def _facts(self) -> dict[str, NodeFacts]:
        """Return how busy each node was since the first chunk, or in the last minute."""
        if self._work:
            self._note_work(self._last_ns)
        began_ns, began = self._work[0] if self._work else (0, {})
        ended_ns, ended = self._work[-1] if self._work else (0, {})
        seconds = max((ended_ns - began_ns) / 1e9, 1e-9)
        busy = {node: (worked - began[node]) / seconds for node, worked in ended.items()}
        return {
            str(node.node_id): NodeFacts(
                busy=min(1.0, busy.get(node.node_id, 0.0)), has_process=node.is_isolated
            )
            for node in self._plan.nodes
        }


def _outside(part: RemotePart, producers: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the nodes here that a part on another host reads from."""
    inside = frozenset(map(str, part.members))
    return tuple(each for node in inside for each in producers[node] if each not in inside)
