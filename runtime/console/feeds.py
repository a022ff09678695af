"""Snapshots that watchers share: each is made once a second, for all that watch the same."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from ..service import BytesFromPeer, Peers
from ..session import Runtime, Session
from .other_workers import SessionLists
from .snapshots import Snapshots, encoded

# Rates and queues are read by people: more often would only cost.
_INTERVAL_SECONDS: Final = 1.0
# Node processes are asked for their statistics so long before a snapshot: an idle one answers
# within a few milliseconds, and rates need the statistics of one moment.
_LEAD_SECONDS: Final = 0.1
_log: Final = logging.getLogger("millrace.console")


class Feed:
    """The latest snapshot of one thing.

    A watcher that is slow misses snapshots: nothing waits for it, and nothing is kept for it.

    Attributes:
        text: JSON; empty before the first.
        number: counts the snapshots.
        watchers: how many there are.
        has_ended: whether this snapshot is the last.
    """

    def __init__(self) -> None:
        self.text = ""
        self.number = 0
        self.watchers = 0
        self.has_ended = False
        self.scope = trio.CancelScope()
        self._changed = trio.Event()

    def put(self, text: str, *, has_ended: bool = False) -> None:
        """Replace the snapshot."""
        self.text = text
        self.number += 1
        self.has_ended = has_ended
        self._changed.set()
        self._changed = trio.Event()

    async def wait_after(self, number: int) -> None:
        """Wait until there is a snapshot with a greater number."""
        while self.number <= number:
            await self._changed.wait()


class Feeds:
    """The feeds that have watchers.

    Args:
        runtime: whose sessions are shown.
        nursery: where snapshots are made.
        peers: the other workers of the server, whose sessions are listed too; None: there are none.
    """

    def __init__(self, runtime: Runtime, nursery: trio.Nursery, peers: Peers | None = None) -> None:
        self._runtime = runtime
        self._nursery = nursery
        self._peers = peers
        self._snapshots = Snapshots(runtime)
        self._feeds: dict[str, Feed] = {}

    @contextmanager
    def watched(self, session_id: str = "") -> Iterator[Feed]:
        """Have a feed of a session, or with "" of the list of sessions, during the block."""
        feed = self._feeds.get(session_id)
        if feed is None:
            feed = self._feeds[session_id] = Feed()
            self._nursery.start_soon(self._run, feed, session_id)
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                feed.scope.cancel()
                del self._feeds[session_id]

    async def _run(self, feed: Feed, session_id: str) -> None:
        with feed.scope:
            try:
                if session_id:
                    await self._run_session(feed, session_id)
                else:
                    await self._run_list(feed)
            except Exception:  # noqa: BLE001 (a defect of ours must not end more than this feed)
                _log.exception("a snapshot for the console failed")
                feed.put(encoded(type="failed"), has_ended=True)

    async def _run_list(self, feed: Feed) -> None:
        async with trio.open_nursery() as nursery:
            lists = SessionLists(self._peers, nursery)
            while True:
                feed.put(encoded(**await lists.snapshot(self._snapshots.sessions)))
                await trio.sleep(_INTERVAL_SECONDS)

    async def answer_list(self, call: BytesFromPeer) -> None:
        """Send another worker the list of the sessions here, whenever it asks."""
        snapshots = Snapshots(self._runtime)  # it compares each with the one before
        while await call.receive_bytes() is not None:
            await call.send_bytes(encoded(**await snapshots.sessions()).encode())

    def ending(self, session_id: str) -> str:
        """Return the last message of a session that has ended, wherever it ran."""
        return self._snapshots.ending(session_id)

    async def _run_session(self, feed: Feed, session_id: str) -> None:
        session = self._runtime.sessions.get(session_id)
        if session is not None:
            make = self._snapshots.of_session(session)
            while not session.ended.is_set():
                session.refresh_statistics()
                await _wait_ended(session, _LEAD_SECONDS)
                feed.put(await make())
                await _wait_ended(session, _INTERVAL_SECONDS - _LEAD_SECONDS)
            feed.put(await make())
        feed.put(self._snapshots.ending(session_id), has_ended=True)


async def _wait_ended(session: Session, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await session.ended.wait()
