"""Records a session: what enters it, and what its nodes emit."""

import json
import os
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
from ..wire.conversion import manifest_message, manifest_value
from .file_writer import FileWriter
from .items import Side, chunk_of

# What may wait for the disk. More is lost and counted: the session never waits.
_MOST_WAITING: Final = 8192
_MOST_WAITING_BYTES: Final = 128 * 1024 * 1024
_BATCH: Final = 256
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


@dataclass(frozen=True, slots=True)
class _Waiting:
    node_id: str
    side: Side
    data: Data
    sequence: int
    timestamp_ms: int
    time_ns: int
    entered_ns: int
    weight: int


class Recorder:
    """Collects the items of a session, for the task that writes them.

    Attributes:
        items: that were written.
        lost: that were not, because they came faster than the disk takes them.
        stopped: why the recording stopped before the session; empty if it did not.
    """

    def __init__(self, session: Session, writer: FileWriter, limits: RecordingLimits) -> None:
        self.items = 0
        self.lost = 0
        self.stopped = ""
        self._session = session
        self._writer = writer
        self._limits = limits
        self._began = time.monotonic()
        # Items carry times of the monotonic clock, files those of the calendar.
        self._clock_offset_ns = time.time_ns() - time.monotonic_ns()
        self._waiting: deque[_Waiting] = deque()
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
        """Do nothing: initialization is not recorded."""

    def close(self, error: MillraceError | None = None) -> None:
        """Take no more."""
        self._closed = True
        self._changed.unpark_all()

    async def write(self) -> None:
        """Write what comes, until `close` was called and everything is written.

        Raises:
            RecordingError: the file cannot be written.
        """
        while True:
            while not self._waiting:
                if self._closed:
                    return
                await self._changed.park()
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            await trio.to_thread.run_sync(self._write_batch, batch)
            self._waiting_bytes -= sum(each.weight for each in batch)
            self._check_limits()

    def end_metadata(self) -> dict[str, str]:
        """Return how the recording ended."""
        error = self._session.error
        return {
            "state": self._session.state.value,
            "items": str(self.items),
            "lost": str(self.lost),
            "stopped": self.stopped,
            "error": "" if error is None else msgspec.json.encode(ErrorRecord.of(error)).decode(),
        }

    def _put(self, node_id: str, side: Side, item: Item, time_ns: int) -> None:
        if self._closed or self.stopped:
            return
        weight = weight_bytes(item.data)
        if (
            len(self._waiting) >= _MOST_WAITING
            or self._waiting_bytes + weight > _MOST_WAITING_BYTES
        ):
            self.lost += 1
            return
        now = time_ns + self._clock_offset_ns
        entered = item.entered_ns + self._clock_offset_ns if item.entered_ns else now
        data = unnamed(item.data)
        self._waiting.append(
            _Waiting(node_id, side, data, item.sequence, item.timestamp_ms, now, entered, weight)
        )
        self._waiting_bytes += weight
        self._changed.unpark_all()

    def _write_batch(self, batch: list[_Waiting]) -> None:
        for each in batch:
            chunk = chunk_of(each.node_id, each.data, each.sequence, each.timestamp_ms)
            self._writer.add(
                each.node_id, each.side, chunk, time_ns=each.time_ns, entered_ns=each.entered_ns
            )
            self.items += 1

    def _check_limits(self) -> None:
        limits = self._limits
        if limits.max_bytes and self._writer.written_bytes >= limits.max_bytes:
            self.stopped = f"the file has reached {limits.max_bytes} bytes"
        elif limits.max_seconds and time.monotonic() - self._began >= limits.max_seconds:
            self.stopped = f"the recording has lasted {limits.max_seconds:g} s"


@asynccontextmanager
async def record(
    session: Session,
    path: str | os.PathLike[str],
    *,
    nodes: Collection[str] | None = None,
    limits: RecordingLimits | None = None,
) -> AsyncIterator[Recorder]:
    """Record a session to an MCAP file while the block lasts.

    What enters the session and what its sinks emit is recorded, with times, sequences and metadata.
    A file of a killed process reads to its last complete chunk.

    Args:
        session: the session.
        path: the file; one that exists is overwritten.
        nodes: further nodes whose outputs are recorded; None records every node.
        limits: when the recording stops before the session.

    Raises:
        RecordingError: the file cannot be written, or the extra `record` is missing.
        UnknownNodeError: the pipeline has no such node.

    Example:
        async with runtime.open_session("dictation.json") as session:
            async with record(session, "call.mcap"):
                await session.send(audio)
    """
    plan = session.plan
    metadata = {
        "session_id": session.id,
        "pipeline": plan.manifest.metadata.name,
        "manifest": json.dumps(manifest_value(manifest_message(plan.manifest))),
        "executors": json.dumps({str(node.node_id): node.executor for node in plan.nodes}),
        "targets": json.dumps({str(node.node_id): node.node_type.target for node in plan.nodes}),
    }
    writer = await trio.to_thread.run_sync(FileWriter, path, metadata)
    recorder = Recorder(session, writer, limits or RecordingLimits())
    everything = [str(node.node_id) for node in plan.nodes]
    sinks = [node for node in everything if not plan.successors[node]]  # type: ignore[index]
    tapped = everything if nodes is None else sorted({*sinks, *nodes})
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.write)
            session.add_input_tap(recorder.put_input)
            try:
                for node in tapped:
                    await session.bus.add_tap(node, recorder)
                yield recorder
            finally:
                session.remove_input_tap(recorder.put_input)
                with trio.CancelScope(shield=True) as scope:
                    scope.deadline = trio.current_time() + _END_SECONDS
                    await session.bus.forget_tap(recorder)
                recorder.close()
                nursery.cancel_scope.shield = True
                nursery.cancel_scope.deadline = trio.current_time() + _END_SECONDS
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(writer.close, recorder.end_metadata())
