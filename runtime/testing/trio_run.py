"""A run of a pipeline under test, in the trio loop that it runs in."""

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


class TrioRun:
    """A running pipeline: `actors.testing.AsyncRun` for a test on trio.

    `main` is the task that runs it. The other forms of a run call these methods from elsewhere.
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
        """The number of arrays that were copied between processes."""
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
            self._clock.rate = 1.0  # time must pass, or the deadlines of a stuck node never come
        self._leave.set()

    def raise_failure(self) -> None:
        """Raise the error of a node, unless a call has raised it before."""
        self._failure.raise_once()

    async def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items."""
        with self._failure.interrupts():
            await self._send(items, node, sequence, timestamp_ms)

    async def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items, wait until every node has processed them, and return the outputs."""
        with self._failure.interrupts():
            last = await self._send(items, node, sequence, timestamp_ms)
            if last is not None:
                await self._settle(node, last)
        return self.take()

    def take(self) -> list[Data]:
        """Return the outputs since the last call that returned outputs."""
        new = self.outputs[self._taken :]
        self._taken += len(new)
        return [output.data for output in new]

    async def end(self) -> list[Data]:
        """End the stream, and return the outputs of that."""
        with self._failure.interrupts():
            await self._running().close_input()
            await self._ended.wait()
        return self.take()

    async def stop(self) -> list[Data]:
        """Stop the sources and end the stream, and return the outputs of that."""
        with self._failure.interrupts():
            await self._running().close_input(stop_sources=True)
            await self._ended.wait()
        return self.take()

    async def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return the outputs."""
        with self._failure.interrupts():
            clock = self._clock or _mock_clock()
            if clock is None:
                await trio.sleep(seconds)
            else:
                await _advance(clock, seconds)
        return self.take()

    async def _send(
        self, items: Sequence[Data], node: str | None, sequence: int | None, timestamp_ms: int
    ) -> int | None:
        """Send items, and return the sequence of the last; None without items."""
        for item in items:
            last = await self._running().send(
                item, node=node, sequence=sequence, timestamp_ms=timestamp_ms
            )
            sequence = None
        return last if items else None

    async def _settle(self, node: str | None, sequence: int) -> None:
        """Wait until a mark that follows the last item has arrived on every path to a sink."""
        entries: Sequence[str] = self._pipeline.entries if node is None else (node,)
        name = str(len(self._marks))
        countdown = self._marks[name] = _Countdown(self._pipeline.marks(entries))
        for entry in entries:
            await self._running().send(mark(name), node=entry, sequence=sequence)
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
    """The marks that have not arrived yet."""

    def __init__(self, missing: int) -> None:
        self.done = trio.Event()
        self._missing = missing

    def count(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.done.set()


class _Failure:
    """The error that ended a run, if there is one: for the calls that wait, and for later ones."""

    def __init__(self) -> None:
        self._error: MillraceError | None = None
        self._was_raised = False
        self._scopes: set[trio.CancelScope] = set()

    def set(self, error: MillraceError) -> None:
        """Keep the error, and interrupt every call that waits."""
        self._error = error
        for scope in self._scopes:
            scope.cancel()

    def raise_any(self) -> None:
        """Raise the error, if there is one."""
        if self._error is not None:
            self._was_raised = True
            raise self._error

    def raise_once(self) -> None:
        """Raise the error, if there is one that was not raised before."""
        if not self._was_raised:
            self.raise_any()

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Run a block that the error interrupts; it raises the error then."""
        self.raise_any()
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            self.raise_any()


async def _advance(clock: MockClock, seconds: float) -> None:
    """Let virtual time pass from one deadline to the next, as real time does."""
    end = clock.current_time() + seconds
    while True:
        await wait_all_tasks_blocked()  # everything that is due at this time is done
        left = end - clock.current_time()
        if left <= 0:
            return
        until_next = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if 0 < until_next < left:
            clock.jump(until_next)
        else:
            clock.jump(left)


def _received(result: Result) -> Received:
    return Received(result.node_id, result.data, result.sequence, result.timestamp_ms)


def _mock_clock() -> MockClock | None:
    clock = trio.lowlevel.current_clock()
    return clock if isinstance(clock, MockClock) else None
