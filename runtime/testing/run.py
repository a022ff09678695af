"""One run of a pipeline under test, on the trio loop that it runs in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Data, Progress
from actors.testing import Received

from ..errors import MillraceError
from ..events import Result
from ..links import mark, name_of_mark
from ..session import Session
from .pipeline import Pipeline


class PipelineRun:
    """A running pipeline, and what came of it; `main` is the task that runs it.

    Attributes:
        outputs, progress: as `actors.testing.Recorded` has them.
    """

    def __init__(self, pipeline: Pipeline, *, clock: MockClock | None = None) -> None:
        self.outputs: list[Received] = []
        self.progress: defaultdict[str, list[Progress]] = defaultdict(list)
        self._pipeline = pipeline
        self._clock = clock
        self._session: Session | None = None
        self._taken = 0
        self._marks: dict[str, _Countdown] = {}
        self._ended = trio.Event()
        self._leave = trio.Event()
        self._failure = _Failure()

    @property
    def copies(self) -> int:
        """Arrays that had to be copied at a border."""
        return 0 if self._session is None else self._session.totals().copies

    async def main(  # noqa: ASYNC114 (its callers await its start)
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run until `leave`; it has started when every node is ready, or one has failed."""
        is_started = False
        try:
            async with self._pipeline.open_session() as session:
                async for report in session.progress():
                    self.progress[report.node_id].append(
                        Progress(report.status, report.fraction, report.message)
                    )
                await session.wait_ready()
                self._session = session
                is_started = True
                task_status.started()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._collect, session)
                    await self._leave.wait()
                    nursery.cancel_scope.cancel()
        except MillraceError as error:
            self._failure.set(error)
            if not is_started:
                task_status.started()
            await self._leave.wait()

    def leave(self) -> None:
        """Let `main` end; what still runs is cancelled."""
        if self._clock is not None:
            self._clock.rate = 1.0  # what is stuck must meet its deadline
        self._leave.set()

    def raise_failure(self) -> None:
        """Raise what a node failed with, unless a call has raised it already."""
        self._failure.tell(once=True)

    async def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items in."""
        with self._failure.breaks_off():
            for item in items:
                await self._running().send(
                    item, node=node, sequence=sequence, timestamp_ms=timestamp_ms
                )
                sequence = None

    async def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items in, wait until every node is done with them, and return what came out."""
        with self._failure.breaks_off():
            for item in items:
                last = await self._running().send(
                    item, node=node, sequence=sequence, timestamp_ms=timestamp_ms
                )
                sequence = None
            if items:
                await self._settle(node, last)
        return self.take()

    def take(self) -> list[Data]:
        """Return what has come out since the last call that returned outputs."""
        fresh = self.outputs[self._taken :]
        self._taken += len(fresh)
        return [output.data for output in fresh]

    async def end(self) -> list[Data]:
        """End the stream, and return what still came out."""
        with self._failure.breaks_off():
            await self._running().close_input()
            await self._ended.wait()
        return self.take()

    async def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return what came out."""
        with self._failure.breaks_off():
            clock = self._clock or _mock_clock()
            if clock is None:
                await trio.sleep(seconds)
            else:
                await wait_all_tasks_blocked()  # nothing reaches for the time it is now any more
                clock.jump(seconds)
                await wait_all_tasks_blocked()
        return self.take()

    async def _settle(self, node: str | None, sequence: int) -> None:
        """Wait until a mark that follows the last item has come through on every way."""
        entries: Sequence[str] = self._pipeline.sources if node is None else (node,)
        name = str(len(self._marks))
        countdown = self._marks[name] = _Countdown(self._pipeline.marks(entries))
        await self._running().send(mark(name), node=node, sequence=sequence)
        await countdown.done.wait()

    async def _collect(self, session: Session) -> None:
        async for result in session:
            name = name_of_mark(result.data)
            if name is None:
                self.outputs.append(_received(result))
            else:
                self._marks[name].count()
        self._ended.set()

    def _running(self) -> Session:
        assert self._session is not None, "the harness is used outside its `with` block"
        return self._session


class _Countdown:
    """Marks that have not come yet."""

    def __init__(self, missing: int) -> None:
        self.done = trio.Event()
        self._missing = missing

    def count(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.done.set()


class _Failure:
    """The error that ended a run, if one did: told to whoever waits, or to whoever asks later."""

    def __init__(self) -> None:
        self._error: MillraceError | None = None
        self._is_told = False
        self._scopes: set[trio.CancelScope] = set()

    def set(self, error: MillraceError) -> None:
        """Take note of the error, and break off every call that waits."""
        self._error = error
        for scope in self._scopes:
            scope.cancel()

    def tell(self, *, once: bool = False) -> None:
        """Raise the error if there is one; with `once`, only if nobody was told yet."""
        if self._error is not None and not (once and self._is_told):
            self._is_told = True
            raise self._error

    @contextmanager
    def breaks_off(self) -> Iterator[None]:
        """Hold a call that the error breaks off."""
        self.tell()
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            self.tell()


def _received(result: Result) -> Received:
    return Received(result.node_id, result.data, result.sequence, result.timestamp_ms)


def _mock_clock() -> MockClock | None:
    clock = trio.lowlevel.current_clock()
    return clock if isinstance(clock, MockClock) else None
