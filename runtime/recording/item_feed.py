"""The items of a running session, for a recording or for an operator who watches."""

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from actors import Data

from ..errors import ErrorRecord, MillraceError
from ..events import InitProgress
from ..links import Item, unnamed, weight_bytes
from ..session import Session
from ..wire import DataChunk
from ..wire.conversion import chunk_message, manifest_json
from .items import Side

# What may wait for a disk or a network. More is lost and counted: the session never waits.
_MOST_WAITING: Final = 8192
_MOST_WAITING_BYTES: Final = 128 * 1024 * 1024
_DETACH_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item of a session.

    Attributes:
        time_ns: when it entered or was emitted, in nanoseconds since 1970.
        entered_ns: when the chunk that it came from entered, likewise.
    """

    node_id: str
    side: Side
    data: Data
    sequence: int
    timestamp_ms: int
    time_ns: int
    entered_ns: int

    def chunk(self) -> DataChunk:
        """Return the message that carries it; its payloads are views."""
        return chunk_message(self.data, self.node_id, self.sequence, self.timestamp_ms)


class ItemFeed:
    """Collects the items of a session.

    Attributes:
        lost: items that had no room, because they came faster than they were taken.
    """

    def __init__(self, session: Session) -> None:
        self.lost = 0
        self._session = session
        # Items carry times of the monotonic clock, files those of the calendar.
        self._clock_offset_ns = time.time_ns() - time.monotonic_ns()
        self._waiting: deque[FeedItem] = deque()
        self._waiting_bytes = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._closed = False

    def put_input(self, item: Item, targets: Collection[str]) -> None:
        """Add an item that enters the session."""
        for target in targets:
            self._put(target, Side.INPUT, item, time.monotonic_ns())

    def put(self, item: Item, missed: int, time_ns: int) -> None:
        """Add an output of a node."""
        self.lost += missed
        self._put(item.source, Side.OUTPUT, item, time_ns)

    def put_progress(self, progress: InitProgress) -> None:
        """Do nothing: initialization is no item."""

    def close(self, error: MillraceError | None = None) -> None:
        """Take no more."""
        self._closed = True
        self._changed.unpark_all()

    async def take(self, most: int) -> list[FeedItem]:
        """Return the next items, at most so many; none at the end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._waiting and not self._closed:
            await self._changed.park()
        items = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._waiting_bytes -= sum(weight_bytes(each.data) for each in items)
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
        bytes_then = self._waiting_bytes + weight_bytes(item.data)
        if len(self._waiting) >= _MOST_WAITING or bytes_then > _MOST_WAITING_BYTES:
            self.lost += 1
            return
        now = time_ns + self._clock_offset_ns
        entered = item.entered_ns + self._clock_offset_ns if item.entered_ns else now
        data = unnamed(item.data)
        self._waiting.append(
            FeedItem(node_id, side, data, item.sequence, item.timestamp_ms, now, entered)
        )
        self._waiting_bytes = bytes_then
        self._changed.unpark_all()


@asynccontextmanager
async def open_feed(session: Session, nodes: Collection[str] | None) -> AsyncIterator[ItemFeed]:
    """Collect what enters a session and what its sinks emit, while the block lasts.

    Args:
        session: the session.
        nodes: further nodes whose outputs are collected; None collects those of every node.

    Raises:
        UnknownNodeError: the pipeline has no such node.
    """
    plan = session.plan
    everything = [str(node.node_id) for node in plan.nodes]
    tapped = everything if nodes is None else sorted({*map(str, plan.sinks), *nodes})
    feed = ItemFeed(session)
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
