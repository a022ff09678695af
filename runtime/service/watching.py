"""Snapshots of the server and of a session, for an operator who watches."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

import trio
from grpclib.const import Status

from ..execution import Histogram
from ..metrics import MachineUsage, SessionFigures, measure_loop_lag
from ..session import Runtime, Session
from ..wire.operations import (
    ServerInfo,
    SessionInfo,
    WatchServerRequest,
    WatchServerResponse,
    WatchSessionRequest,
    WatchSessionResponse,
)
from .call_errors import CallError, session_not_found
from .operator_call import OperatorCall
from .recent_work import RecentQuantiles, RecentWork
from .server_state import ServerState
from .session_messages import ending_message, link_message, node_message, session_message
from .worker_snapshots import OtherWorkers

_DEFAULT_MS: Final = 1000
_LEAST_MS: Final = 200
_MOST_MS: Final = 60_000
# An operator's own tools. A snapshot takes 0.2 ms of processor time for each session of three
# native nodes (90 sessions, 2 cores under load, 27 November 2026).
_MOST_WATCHES: Final = 16
_MOST_SESSIONS: Final = 1000
# Node processes are asked for their statistics so long before a snapshot: an idle one answers
# within a few milliseconds, and rates need the statistics of one moment.
_LEAD_SECONDS: Final = 0.1
# Others have a turn after so many sessions: a snapshot never holds the event loop for more than a
# few milliseconds.
_SLICE: Final = 10


class WatchingService:
    """Answers WatchServer and WatchSession.

    A snapshot is made when the one before was sent. What a client does not read costs no memory.
    """

    def __init__(
        self, runtime: Runtime, server_state: ServerState, others: OtherWorkers | None = None
    ) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._others = others
        self._version = version("millrace-runtime")
        self._started_at = time.time()
        self._watches = 0

    async def watch_server(
        self, call: OperatorCall[WatchServerRequest, WatchServerResponse]
    ) -> None:
        """Send snapshots of the server and its sessions until the call ends.

        Raises:
            CallError: the interval is out of bounds, or too many watch.
        """
        request = await call.receive() or WatchServerRequest()
        ticks = _Ticks(interval_seconds(request.interval_ms))
        lag = _RecentLag()
        work = RecentWork()
        with self._counted():
            async with self._server_state.cancelled_at_stop(), trio.open_nursery() as nursery:
                nursery.start_soon(measure_loop_lag, lag.samples)
                watch = None if self._others is None else self._others.watch(nursery)
                while True:
                    if watch is None:
                        response = await self._own_snapshot(work, lag)
                    else:
                        own = partial(self._own_snapshot, work, lag)
                        response = await watch.with_others(own, _MOST_SESSIONS)
                    await call.send(response)
                    await trio.sleep_until(ticks.next())

    async def answer_workers(
        self, call: OperatorCall[WatchServerRequest, WatchServerResponse]
    ) -> None:
        """Send another worker a snapshot of this one, whenever it asks."""
        lag = _RecentLag()
        work = RecentWork()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(measure_loop_lag, lag.samples)
            while await call.receive() is not None:
                await call.send(await self._own_snapshot(work, lag))
            nursery.cancel_scope.cancel()

    async def _own_snapshot(self, work: RecentWork, lag: "_RecentLag") -> WatchServerResponse:
        for session in self._runtime.sessions.values():
            session.refresh_statistics()
        await trio.sleep(_LEAD_SECONDS)
        return await self._server(work, lag)

    async def watch_session(
        self, call: OperatorCall[WatchSessionRequest, WatchSessionResponse]
    ) -> None:
        """Send snapshots of a session until it ends.

        Raises:
            CallError: no such session is open, the interval is out of bounds, or too many watch.
        """
        request = await call.receive() or WatchSessionRequest()
        ticks = _Ticks(interval_seconds(request.interval_ms))
        session = self._runtime.sessions.get(request.session_id)
        if session is None:
            raise session_not_found(request.session_id, self._runtime)
        work, quantiles = RecentWork(), RecentQuantiles()
        with self._counted():
            async with self._server_state.cancelled_at_stop():
                while True:
                    session.refresh_statistics()
                    await _wait_ended(session, trio.current_time() + _LEAD_SECONDS)
                    has_ended = session.ended.is_set()
                    response = await self._session(session, work, quantiles)
                    if has_ended and (ending := self._runtime.endings.find(session.id)):
                        response.ending = ending_message(ending)
                    await call.send(response)
                    if has_ended:
                        return
                    await _wait_ended(session, ticks.next())

    async def _server(self, work: RecentWork, lag: "_RecentLag") -> WatchServerResponse:
        found = list(self._runtime.sessions.values())
        shown = sorted(found, key=lambda each: each.opened_at)[:_MOST_SESSIONS]
        clock = time.monotonic()
        work.begin(clock)
        figures: list[SessionFigures] = []
        for number, session in enumerate(shown):
            await _let_others_run(number)
            figures.append(session.figures())
        usage = await self._runtime.metrics.usage(figures)
        sessions: list[SessionInfo] = []
        for number, (session, each) in enumerate(zip(shown, figures, strict=True)):
            await _let_others_run(number)
            message = session_message(session, each, usage.processes)
            work.add(each, message)
            sessions.append(message)
        return WatchServerResponse(
            time_ms=round(1000 * time.time()),
            clock_seconds=clock,
            server=self._server_info(found, usage, lag.longest_seconds()),
            sessions=sessions,
            omitted_sessions=len(found) - len(shown),
        )

    def _server_info(
        self, sessions: list[Session], usage: MachineUsage, lag_seconds: float
    ) -> ServerInfo:
        counts = self._runtime.metrics.session_counts()
        capacity = counts.capacity
        drain = self._runtime.metrics.drain
        return ServerInfo(
            version=self._version,
            started_ms=round(1000 * self._started_at),
            sessions=dict(Counter(session.state.value for session in sessions)),
            ended_sessions=dict(counts.ended),
            refused_sessions=sum(counts.refused.values()),
            waiting_sessions=capacity.waiting,
            processes=capacity.processes,
            max_sessions=capacity.most_sessions,
            max_processes=capacity.most_processes,
            cpu_seconds=usage.cpu_seconds,
            memory_bytes=usage.server.resident,
            processes_memory_bytes=sum(each.proportional for each in usage.processes.values()),
            shared_memory_bytes=usage.shared_memory_bytes,
            shared_memory_size_bytes=usage.shared_memory_size_bytes,
            shared_memory_free_bytes=usage.shared_memory_free_bytes,
            loop_lag_ms=1000 * lag_seconds,
            last_ending=self._runtime.endings.last_number,
            draining=drain is not None,
            drain_deadline_ms=0 if drain is None else drain.deadline_ms,
        )

    async def _session(
        self, session: Session, work: RecentWork, quantiles: RecentQuantiles
    ) -> WatchSessionResponse:
        figures = session.figures()
        clock = time.monotonic()
        work.begin(clock)
        usage = await self._runtime.metrics.usage([figures])
        message = session_message(session, figures, usage.processes)
        busy = work.add(figures, message)
        for node in figures.nodes:
            node_info = node_message(session, node, usage.processes)
            node_info.busy = busy[node.node_id]
            quantiles.set(node.statistics.processing, node_info)
            message.nodes.append(node_info)
        message.links = [link_message(session, link) for link in figures.links]
        now_ms = round(1000 * time.time())
        return WatchSessionResponse(time_ms=now_ms, clock_seconds=clock, session=message)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._watches >= _MOST_WATCHES:
            raise CallError(
                Status.RESOURCE_EXHAUSTED,
                f"{_MOST_WATCHES} calls of WatchServer and WatchSession run already; end one",
            )
        self._watches += 1
        try:
            yield
        finally:
            self._watches -= 1


class _Ticks:
    """The times of snapshots. One that is late moves all later ones: none is made up for."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._due = trio.current_time()

    def next(self) -> float:
        """Return when to begin the next snapshot."""
        self._due = max(self._due + self._interval_seconds, trio.current_time())
        return self._due


class _RecentLag:
    """The lag of the event loop between two snapshots."""

    def __init__(self) -> None:
        self.samples = Histogram()
        self._before = Histogram()
        self._longest_seconds = 0.0

    def longest_seconds(self) -> float:
        """Return the longest lag since the last call; what that returned if there is no sample."""
        recent = self.samples.since(self._before)
        if recent.count:
            self._longest_seconds = recent.quantile(1.0)
            self._before = self.samples.copy()
        return self._longest_seconds


async def _let_others_run(number: int) -> None:
    if number % _SLICE == _SLICE - 1:
        await trio.lowlevel.checkpoint()


async def _wait_ended(session: Session, until: float) -> None:
    with trio.move_on_at(until):
        await session.ended.wait()


def interval_seconds(milliseconds: int) -> float:
    """Return the interval that a request asks for, in seconds.

    Raises:
        CallError: it is out of bounds.
    """
    if milliseconds and not _LEAST_MS <= milliseconds <= _MOST_MS:
        raise CallError(
            Status.INVALID_ARGUMENT,
            f"interval_ms is {milliseconds}; it may be {_LEAST_MS} to {_MOST_MS}, or 0 for "
            f"{_DEFAULT_MS}",
        )
    return (milliseconds or _DEFAULT_MS) / 1000
