"""The items of a running session, for a recording or for an operator who watches."""

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import trio

from ..errors import ErrorRecord, MillraceError
from ..events import InitProgress
from ..links import Item, unnamed, weight_bytes
from ..session import Session
from ..wire.conversion import ChunkEncoder, manifest_json
from .items import Side

# What may wait for a disk or a network. More is lost and counted: the session never waits.
_MOST_WAITING: Final = 8192
_MOST_WAITING_BYTES: Final = 128 * 1024 * 1024
_DETACH_SECONDS: Final = 10.0

# So much is taken although more is expected soon.
_GATHERED: Final = 1024
_GATHERED_BYTES: Final = 1024 * 1024


class FeedItem(msgspec.Struct, eq=False, gc=False):
    """One item of a session.

    Attributes:
        node_id: the node that it entered, or that emitted it.
        side: which of both.
        item: the item; one that views shared memory borrows it from its link until it is encoded.
        time_ns: when it entered or was emitted, in nanoseconds since 1970.
        entered_ns: when the chunk that it came from entered, likewise.
        weight_bytes: what it counts against the bound of the feed.
    """

    node_id: str
    side: Side
    item: Item
    time_ns: int
    entered_ns: int
    weight_bytes: int

    def encode(self, encoder: ChunkEncoder) -> bytes:
        """Return the DataChunk that carries it, encoded."""
        item = self.item
        return encoder.encode(unnamed(item.data), self.node_id, item.sequence, item.timestamp_ms)


class ItemFeed:
    """Collects the items of a session.

    Args:
        session: the session.
        delay_seconds: how old an item may be when `take` returns it, for many to come at once.

    Attributes:
        lost: items that had no room, because they came faster than they were taken.
        delay_seconds: how long the outputs of a node process may be on their way.
    """

    def __init__(self, session: Session, delay_seconds: float = 0.0) -> None:
        self.lost = 0
        # Less, so that they come before the others of their batch are due, and not just after.
        self.delay_seconds = 0.8 * delay_seconds
        self._most_age_seconds = delay_seconds
        self._session = session
        # Items carry times of the monotonic clock, files those of the calendar.
        self._clock_offset_ns = time.time_ns() - time.monotonic_ns()
        self._gathered = _GATHERED if delay_seconds else 0
        self._gathered_bytes = _GATHERED_BYTES if delay_seconds else 0
        self._waiting: deque[FeedItem] = deque()
        self._waiting_bytes = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._closed = False

    def put_input(self, item: Item, targets: Collection[str]) -> None:
        """Add an item that enters the session."""
        now = time.monotonic_ns()
        for target in targets:
            self._put(target, Side.INPUT, item, now)

    def put(self, item: Item, missed: int, time_ns: int) -> None:
        """Add an output of a node."""
        if missed:
            self.lost += missed
        self._put(item.source, Side.OUTPUT, item, time_ns)

    def put_missed(self, _node_id: str, missed: int) -> None:
        """Count outputs of a node that were missed."""
        self.lost += missed

    def put_progress(self, progress: InitProgress) -> None:
        """Do nothing: initialization is no item."""

    def close(self, error: MillraceError | None = None) -> None:
        """Take no more."""
        self._closed = True
        self._changed.unpark_all()

    async def take(self, most: int) -> list[FeedItem]:
        """Return the next items, at most so many; none at the end.

        They are returned when the first is as old as the delay, or when there are many.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._waiting and not self._closed:
            await self._changed.park()
        if not self._has_gathered():
            with trio.move_on_after(self._most_age_seconds - self._age_seconds()):
                while not self._has_gathered():
                    await self._changed.park()
        if len(self._waiting) <= most:
            items = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        else:
            items = [self._waiting.popleft() for _ in range(most)]
            self._waiting_bytes -= sum([each.weight_bytes for each in items])
        return items

    def begin_metadata(self) -> dict[str, str]:
        """Return the metadata that a recording begins with."""
        session, plan = self._session, self._session.plan
        nodes = {str(node.node_id): node for node in plan.nodes}
        return {
            "session_id": session.id,
            "pipeline": plan.manifest.metadata.name,
            "manifest": json.dumps(manifest_json(plan.manifest)),
            "executors": json.dumps({name: node.executor for name, node in nodes.items()}),
            "targets": json.dumps(
                {str(node.node_id): node.node_type.target for node in plan.nodes}
            ),
        }

    def end_metadata(self) -> dict[str, str]:
        """Return the metadata that a recording ends with."""
        error = self._session.error
        return {
            "state": self._session.state.value,
            "lost": str(self.lost),
            "error": "" if error is None else msgspec.json.encode(ErrorRecord.of(error)).decode(),
        }

    def _put(self, node_id: str, side: Side, item: Item, time_ns: int) -> None:
        if self._closed:
            return
        count, weight = len(self._waiting), weight_bytes(item.data)
        total_bytes = self._waiting_bytes + weight
        if count >= _MOST_WAITING or total_bytes > _MOST_WAITING_BYTES:
            self.lost += 1
            return
        now = time_ns + self._clock_offset_ns
        entered = item.entered_ns + self._clock_offset_ns if item.entered_ns else now
        self._waiting.append(FeedItem(node_id, side, item, now, entered, weight))
        self._waiting_bytes = total_bytes
        if not count or count >= self._gathered or total_bytes >= self._gathered_bytes:
            self._changed.unpark_all()

    def _age_seconds(self) -> float:
        now_ns = time.monotonic_ns() + self._clock_offset_ns
        return min(1e-9 * (now_ns - self._waiting[0].time_ns), self._most_age_seconds)

    def _has_gathered(self) -> bool:
        return (
            self._closed
            or len(self._waiting) > self._gathered
            or self._waiting_bytes >= self._gathered_bytes
        )


@asynccontextmanager
async def open_feed(
    session: Session, nodes: Collection[str] | None, *, delay_seconds: float = 0.0
) -> AsyncIterator[ItemFeed]:
    """Collect what enters a session and what its sinks emit, while the block lasts.

    Args:
        session: the session.
        nodes: further nodes whose outputs are collected; None collects those of every node whose
            outputs come to this server.
        delay_seconds: how old an item may be when `take` returns it, for many to come at once.

    Raises:
        UnknownNodeError: the pipeline has no such node.
        CallerError: the outputs of a node that `nodes` names stay on another host.
    """
    plan = session.plan
    ids = [str(node.node_id) for node in plan.nodes]
    everything = [node for node in ids if session.bus.is_seen(node)]
    tapped = everything if nodes is None else sorted({*map(str, plan.sinks), *nodes})
    feed = ItemFeed(session, delay_seconds)
    session.bus.add_receiver(feed)
    session.add_input_tap(feed.put_input)
    try:
        for node in tapped:
            await session.bus.add_tap(node, feed)
        yield feed
    finally:
        session.remove_input_tap(feed.put_input)
        with trio.move_on_after(_DETACH_SECONDS, shield=True):
            await session.bus.forget_tap(feed)
        feed.close()
