"""Records a session to a file."""

import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from ..session import Session
from ..wire.conversion import ChunkEncoder
from .errors import RecordingError
from .file_writer import RecordingWriter
from .item_feed import FeedItem, ItemFeed, open_feed

_BATCH: Final = 1024
# How old the oldest item of a batch becomes. Each batch is a chunk of the file, which reads to its
# last one if the server is killed, and costs 0.5 ms beside its items (27 November 2026).
_DELAY_SECONDS: Final = 1.0
_END_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class RecordingLimits:
    """Bounds of one recording; 0 means none.

    Attributes:
        max_bytes: of the file. The recording stops there; the session goes on.
        max_seconds: of its duration.
    """

    max_bytes: int = 0
    max_seconds: float = 0.0


class Recorder:
    """Writes the items of a session to a file, in a worker thread.

    Attributes:
        items: that were written.
        stopped: why the recording stopped before the session; empty if it did not.
        error: that stopped it.
    """

    def __init__(self, feed: ItemFeed, writer: RecordingWriter, limits: RecordingLimits) -> None:
        self.items = 0
        self.stopped = ""
        self.error: RecordingError | None = None
        self._feed = feed
        self._writer = writer
        self._limits = limits
        self._began = time.monotonic()
        self._encoder = ChunkEncoder()

    @property
    def lost(self) -> int:
        """How many items were lost, because they came faster than the disk takes them."""
        return self._feed.lost

    async def write(self) -> None:
        """Write what comes, to the end of the feed, to a limit, or to an error of the disk."""
        while not self.stopped and (batch := await self._feed.take(_BATCH)):
            try:
                await trio.to_thread.run_sync(self._write_batch, batch)
            except RecordingError as error:
                self.error, self.stopped = error, str(error)
            self._check_limits()
        self._feed.close()

    def end_metadata(self) -> dict[str, str]:
        """Return how the recording ended."""
        return {
            **self._feed.end_metadata(),
            "items": str(self.items),
            "stopped": self.stopped,
        }

    def _write_batch(self, batch: list[FeedItem]) -> None:
        self._writer.write(
            (item.node_id, item.side, item.encode(self._encoder), item.time_ns, item.entered_ns)
            for item in batch
        )
        self.items += len(batch)

    def _check_limits(self) -> None:
        limits = self._limits
        if limits.max_bytes and self._writer.written_bytes >= limits.max_bytes:
            self.stopped = f"the file has reached {limits.max_bytes} bytes"
        elif limits.max_seconds and time.monotonic() - self._began >= limits.max_seconds:
            self.stopped = f"the recording has lasted {limits.max_seconds:g} s"


def _open_file(path: str | os.PathLike[str], feed: ItemFeed) -> RecordingWriter:
    return RecordingWriter(path, feed.begin_metadata())


async def _write(recorder: Recorder, scope: trio.CancelScope) -> None:
    with scope:
        await recorder.write()


@asynccontextmanager
async def record(
    session: Session,
    path: str | os.PathLike[str],
    *,
    nodes: Collection[str] | None = None,
    limits: RecordingLimits | None = None,
    on_error: Callable[[RecordingError], None] | None = None,
) -> AsyncIterator[Recorder]:
    """Record a session to an MCAP file while the block lasts.

    What enters the session and what its sinks emit is recorded, with times, sequences and metadata.
    A file of a killed process reads to its last complete chunk.

    Args:
        session: the session.
        path: the file; one that exists is overwritten.
        nodes: further nodes whose outputs are recorded; None records every node.
        limits: when the recording stops before the session.
        on_error: is called if the file cannot be written to its end; None raises that error when
            the block is left. The session goes on in any case.

    Raises:
        RecordingError: the file cannot be written, or the extra `record` is missing.
        UnknownNodeError: the pipeline has no such node.

    Example:
        async with runtime.open_session("dictation.json") as session:
            async with record(session, "call.mcap"):
                await session.send(audio)
    """
    # In the thread too: the first recording of a process imports the messages of the contract.
    writer = await trio.to_thread.run_sync(_open_file, path, ItemFeed(session))
    recorder: Recorder | None = None
    # Shielded from the start: the error that ends the session must not end the writing first.
    writing = trio.CancelScope(shield=True)
    try:
        async with trio.open_nursery() as nursery:
            try:
                async with open_feed(session, nodes, delay_seconds=_DELAY_SECONDS) as feed:
                    recorder = Recorder(feed, writer, limits or RecordingLimits())
                    nursery.start_soon(_write, recorder, writing)
                    yield recorder
            finally:
                writing.deadline = trio.current_time() + _END_SECONDS
    finally:
        ending = {} if recorder is None else recorder.end_metadata()
        error = None if recorder is None else recorder.error
        with trio.CancelScope(shield=True):
            try:
                await trio.to_thread.run_sync(writer.close, ending)
            except RecordingError as failure:
                error = error or failure
        if error is not None and on_error is not None:
            on_error(error)
    if error is not None and on_error is None:
        raise error
