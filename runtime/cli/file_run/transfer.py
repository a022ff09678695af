"""Sends inputs into a pipeline and writes its results, both at the same time."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

import trio

from actors import Audio, Data, Video

from ...events import Result
from ...links import weight_bytes
from ...media import Source
from .blocking import call_in_thread, interruptible
from .file_options import NodeInputs
from .open_pipeline import Pipeline
from .progress_view import ProgressView
from .result_writers import ResultWriters
from .stop_signals import stopped_by_signals

# A visit to a worker thread costs more than reading 20 ms of audio, so several chunks are read at
# once; few enough to stay small, and one at a time from a pipe, where the next may come much later.
_READ_TOGETHER: Final = 32
_READ_TOGETHER_BYTES: Final = 1024 * 1024
_WRITE_TOGETHER: Final = 16


async def transfer(
    opening: AbstractAsyncContextManager[Pipeline],
    inputs: Sequence[NodeInputs],
    writers: ResultWriters,
    view: ProgressView,
    *,
    realtime: bool,
) -> None:
    """Run a pipeline on files.

    Args:
        opening: runs the pipeline, here or on a server.
        inputs: read at the same time; the files of each one after the other.
        writers: for the results; closed at the end, also after a failure.
        view: shows the progress.
        realtime: whether audio and video are sent no faster than they play.

    Raises:
        MillraceError: the pipeline failed, or a file could not be read or written.
        ReaderGoneError: the reader of an output pipe has closed it.
        StoppedError: SIGINT or SIGTERM came.
    """
    async with stopped_by_signals(view.stopping), _closed_at_end(writers):
        async with (
            opening as pipeline,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_show_progress, pipeline, view)
            nursery.start_soon(_send_all, pipeline, inputs, view, realtime)
            await _receive_all(pipeline, writers, view)
        writers.check()


async def _show_progress(pipeline: Pipeline, view: ProgressView) -> None:
    async for progress in pipeline.progress():
        view.progress(progress)
    await pipeline.wait_ready()
    view.ready()


async def _send_all(
    pipeline: Pipeline, inputs: Sequence[NodeInputs], view: ProgressView, realtime: bool
) -> None:
    await pipeline.wait_ready()
    async with trio.open_nursery() as nursery:
        for each in inputs:
            nursery.start_soon(_send, pipeline, each, view, realtime)
    await pipeline.close_input()


async def _send(pipeline: Pipeline, inputs: NodeInputs, view: ProgressView, realtime: bool) -> None:
    clock = _MediaClock()
    for source in inputs.sources:
        async with interruptible(source.interrupt):
            items = iter(source)
            while batch := await call_in_thread(_next_batch, source, items):
                for item in batch:
                    if realtime:
                        await clock.wait_due(item)
                    await pipeline.send(item, node=inputs.node)
                    view.sent(item, source.fraction)


def _next_batch(source: Source, items: Iterator[Data]) -> list[Data]:
    """Return some items of a source; none at its end."""
    batch: list[Data] = []
    weight = 0
    for item in items:
        batch.append(item)
        weight += weight_bytes(item)
        if source.is_live or len(batch) == _READ_TOGETHER or weight > _READ_TOGETHER_BYTES:
            break
    return batch


class _MediaClock:
    """Delays items until a recording in real time would have delivered them."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._sent_seconds = 0.0

    async def wait_due(self, item: Data) -> None:
        """Wait until everything before has played; audio is due when it is complete."""
        if isinstance(item, Audio):
            self._sent_seconds += item.duration_seconds
        elif isinstance(item, Video):
            self._sent_seconds = max(self._sent_seconds, item.timestamp_us / 1e6)
        await trio.sleep_until(self._began + self._sent_seconds)


async def _receive_all(pipeline: Pipeline, writers: ResultWriters, view: ProgressView) -> None:
    # Bounded, so that a slow file slows the pipeline down; more than one, so that a fast file need
    # not wait for each result.
    results_in, results_out = trio.open_memory_channel[Result](_WRITE_TOGETHER)
    # The receiving end is closed here. Closed by the writer when it fails, it would make the
    # sender fail too, and it would not be clear which of the two errors is the cause.
    async with (
        interruptible(writers.interrupt),
        results_out,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_write_all, results_out, writers)
        async with results_in:
            async for result in pipeline:
                view.received()
                await results_in.send(result)


async def _write_all(results: trio.MemoryReceiveChannel[Result], writers: ResultWriters) -> None:
    async for first in results:
        batch = [first]
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while len(batch) < _WRITE_TOGETHER:
                batch.append(results.receive_nowait())
        await call_in_thread(_write, writers, batch)


def _write(writers: ResultWriters, results: list[Result]) -> None:
    for result in results:
        writers.write(
            result.data,
            node_id=result.node_id,
            sequence=result.sequence,
            timestamp_ms=result.timestamp_ms,
        )
    writers.flush()


@asynccontextmanager
async def _closed_at_end(writers: ResultWriters) -> AsyncIterator[None]:
    """Complete the files at the end of the block, so that a failed run leaves readable ones."""
    try:
        yield
    except BaseException:
        writers.interrupt()  # after a failure, nothing waits for the reader of a pipe
        # The error of the run is the cause; an error of closing would hide it.
        with suppress(Exception), trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(writers.close)
        raise
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(writers.close)
