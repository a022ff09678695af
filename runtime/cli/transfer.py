"""Files through a pipeline: in on one side, out on the other, at the same time."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, TypeVar, TypeVarTuple

import trio

from actors import Audio, Data, Video

from ..events import Result
from ..links import weight_bytes
from ..media import InterruptedReadError, Source
from .endpoints import Feed
from .failures import StoppedError
from .outlets import Outlets
from .pipelines import Pipeline
from .run_view import View

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

# A visit to a worker thread costs more than reading 20 ms of audio; so do several at once, but
# never so many that they weigh, and from a pipe one by one, since the next may be long in coming.
_READ_TOGETHER: Final = 32
_READ_TOGETHER_BYTES: Final = 1024 * 1024
_WRITE_TOGETHER: Final = 16

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def transfer(
    opening: AbstractAsyncContextManager[Pipeline],
    feeds: Sequence[Feed],
    outlets: Outlets,
    view: View,
    *,
    at_real_time: bool,
) -> None:
    """Run a pipeline on files.

    Args:
        opening: runs it, here or on a server.
        feeds: what goes in; the feeds at once, the files of each one after the other.
        outlets: where results go; closed at the end, however it comes.
        view: who watches.
        at_real_time: send audio and video no faster than they play.

    Raises:
        MillraceError: the pipeline failed, or a file could not be read or written.
        ReaderGoneError: nobody reads the output any more.
        StoppedError: SIGINT or SIGTERM came.
    """
    async with _stopped_by_signals(view), _closing(outlets):
        async with (
            opening as pipeline,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_show_progress, pipeline, view)
            nursery.start_soon(_feed_all, pipeline, feeds, view, at_real_time)
            await _drain(pipeline, outlets, view)
        outlets.check()


async def _show_progress(pipeline: Pipeline, view: View) -> None:
    async for progress in pipeline.progress():
        view.progress(progress)
    await pipeline.wait_ready()
    view.ready()


async def _feed_all(
    pipeline: Pipeline, feeds: Sequence[Feed], view: View, at_real_time: bool
) -> None:
    await pipeline.wait_ready()
    async with trio.open_nursery() as nursery:
        for feed in feeds:
            nursery.start_soon(_feed, pipeline, feed, view, at_real_time)
    await pipeline.close_input()


async def _feed(pipeline: Pipeline, feed: Feed, view: View, at_real_time: bool) -> None:
    clock = _MediaClock()
    for source in feed.sources:
        async with _interruptible(source.interrupt):
            items = iter(source)
            while batch := await _in_thread(_take, source, items):
                for item in batch:
                    if at_real_time:
                        await clock.wait_due(item)
                    await pipeline.send(item, node=feed.node)
                    view.sent(item, source.fraction)


def _take(source: Source, items: Iterator[Data]) -> list[Data]:
    batch: list[Data] = []
    weight = 0
    for item in items:
        batch.append(item)
        weight += weight_bytes(item)
        if source.is_live or len(batch) == _READ_TOGETHER or weight > _READ_TOGETHER_BYTES:
            break
    return batch


class _MediaClock:
    """Holds items back until they would have been recorded."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._sent_seconds = 0.0

    async def wait_due(self, item: Data) -> None:
        """Wait until what was sent before has played; audio is due when it is complete."""
        if isinstance(item, Audio):
            self._sent_seconds += item.duration_seconds
        elif isinstance(item, Video):
            self._sent_seconds = max(self._sent_seconds, item.timestamp_us / 1e6)
        await trio.sleep_until(self._began + self._sent_seconds)


async def _drain(pipeline: Pipeline, outlets: Outlets, view: View) -> None:
    # Bounded, so that a slow file slows the pipeline down; a few, so that a fast one does not wait.
    results_in, results_out = trio.open_memory_channel[Result](_WRITE_TOGETHER)
    # The writer's end is closed here: closed where it fails, it would fail the sender too, and
    # nobody could tell which of the two errors came first.
    async with (
        _interruptible(outlets.interrupt),
        results_out,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_write_all, results_out, outlets)
        async with results_in:
            async for result in pipeline:
                view.received()
                await results_in.send(result)


async def _write_all(results: trio.MemoryReceiveChannel[Result], outlets: Outlets) -> None:
    async for first in results:
        batch = [first]
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while len(batch) < _WRITE_TOGETHER:
                batch.append(results.receive_nowait())
        await _in_thread(_write, outlets, batch)


def _write(outlets: Outlets, results: list[Result]) -> None:
    for result in results:
        outlets.write(
            result.data,
            node_id=result.node_id,
            sequence=result.sequence,
            timestamp_ms=result.timestamp_ms,
        )
    outlets.flush()


async def _in_thread(function: Callable[[*Ts], R], *args: *Ts) -> R:
    """Call a function that may wait for a file or a pipe, inside `_interruptible`."""
    try:
        return await trio.to_thread.run_sync(function, *args)
    except InterruptedReadError:
        # Raises the cancellation that this comes from, in its place.
        await trio.lowlevel.checkpoint()  # noqa: ASYNC120
        raise


@asynccontextmanager
async def _interruptible(interrupt: Callable[[], None]) -> AsyncIterator[None]:
    """Call `interrupt` when the block is cancelled, so that no thread of it waits for a pipe."""
    ended = False

    async def watch() -> None:
        try:
            await trio.sleep_forever()
        finally:
            if not ended:
                interrupt()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        yield
        ended = True
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _closing(outlets: Outlets) -> AsyncIterator[None]:
    """Complete the files at the end of the block; a failed run leaves readable ones too."""
    try:
        yield
    except BaseException:
        outlets.interrupt()  # nobody waits for the reader of a pipe when all is lost
        with suppress(Exception), trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(outlets.close)
        raise
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(outlets.close)


@asynccontextmanager
async def _stopped_by_signals(view: View) -> AsyncIterator[None]:
    """Cancel the block when a signal asks for it; a second one ends the process at once."""
    received: list[int] = []
    scope = trio.CancelScope()

    async def watch(  # noqa: ASYNC114 (its start is awaited below)
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.open_signal_receiver(*_STOP_SIGNALS) as signals:
            task_status.started()
            async for number in signals:
                received.append(number)
                if len(received) > 1:
                    break
                view.stopping()
                scope.cancel()
        # As if nobody handled it; the forkserver notices, and takes the nodes' processes along.
        signal.signal(received[0], signal.SIG_DFL)
        signal.raise_signal(received[0])

    async with trio.open_nursery() as nursery:
        await nursery.start(watch)
        with scope:
            yield
        nursery.cancel_scope.cancel()
    if received:
        raise StoppedError(received[0])
