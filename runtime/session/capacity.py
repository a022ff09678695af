"""Admission: how many sessions there may be at once, and which waits for room."""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from ..config import Limits
from ..errors import LimitError, ServerFullError
from .demand import Demand
from .system_resources import SystemResources

_NOTHING: Final = Demand(0)


@dataclass(slots=True, eq=False)
class Reservation:
    """What one session holds.

    Attributes:
        demand: what it needs.
        is_pending: whether it may not have opened all of it yet.
        granted: set when it holds it.
    """

    demand: Demand
    is_pending: bool = True
    granted: trio.Event = field(default_factory=trio.Event)

    def settle(self) -> None:
        """Record that the session has opened everything: the machine's own figures have it now."""
        self.is_pending = False


class Capacity:
    """Counts what sessions hold, and refuses a session before anything of it is started.

    Between the check and the count nothing else runs, so sessions that start at the same time
    cannot exceed a limit together. If the operator lets sessions wait, they are admitted in the
    order of their arrival: a small session never overtakes a large one.

    Attributes:
        wait_seconds: how long a session may wait for room; 0: it is refused at once.
    """

    def __init__(self, limits: Limits, system: SystemResources | None = None) -> None:
        self._limits = limits
        self._system = SystemResources() if system is None else system
        self._held: list[Reservation] = []
        self._waiting: deque[Reservation] = deque()
        self._waits: set[trio.CancelScope] = set()
        self.wait_seconds = limits.session_wait_secs
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def sessions(self) -> int:
        """How many sessions hold a reservation."""
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether as many sessions or processes run as may, so that the next one has no room."""
        return (
            self.sessions >= self._limits.max_sessions
            or self.processes >= self._limits.max_total_processes
        )

    async def wait_full(self, is_full: bool = True) -> None:
        """Wait until `is_full` has this value."""
        while self.is_full is not is_full:
            await self._changed.park()

    async def wait_changed(self) -> None:
        """Wait until a session gets a place, gives it back, or begins or ends to wait."""
        await self._changed.park()

    @property
    def processes(self) -> int:
        """How many processes they hold it for."""
        return sum(each.demand.processes for each in self._held)

    @property
    def waiting(self) -> int:
        """How many sessions wait for room."""
        return len(self._waiting)

    @asynccontextmanager
    async def reserve(self, demand: Demand) -> AsyncIterator[Reservation]:
        """Hold what a session needs for as long as the block lasts.

        Leave the block when the session's last process is reaped.

        Raises:
            ServerFullError: there is no room, also after `limits.session_wait_secs`.
            LimitError: there will never be room.
        """
        reservation = await self._acquire(demand)
        try:
            yield reservation
        finally:
            self._release(reservation)

    async def _acquire(self, demand: Demand) -> Reservation:
        reservation = Reservation(demand)
        shortage = self._shortage(demand)
        if not self._waiting and not shortage:
            self._take(reservation)
            return reservation
        if not self._can_ever_fit(demand):
            raise LimitError(f"no room for the session, now or later: {shortage}")
        if not self.wait_seconds:
            raise self._refusal(shortage)
        self._waiting.append(reservation)
        self._changed.unpark_all()
        try:
            with self.waiting_at_most(self.wait_seconds):
                await reservation.granted.wait()
        except BaseException:
            self._withdraw(reservation)
            raise
        if not reservation.granted.is_set():
            self._withdraw(reservation)
            raise self._refusal(self._shortage(demand), self.wait_seconds)
        return reservation

    def refuse_waiting(self) -> None:
        """Let no session wait any more: the server shuts down. Those that wait are refused."""
        self.wait_seconds = 0
        for scope in self._waits:
            scope.cancel()

    @contextmanager
    def waiting_at_most(self, seconds: float) -> Iterator[None]:
        """Wait in the block, which ends after this time, or when those that wait are refused."""
        with trio.move_on_after(seconds) as scope:
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.remove(scope)

    def _can_ever_fit(self, demand: Demand) -> bool:
        most = self._limits.max_total_processes
        return demand.processes <= most and self._system.can_ever_fit(demand)

    def _shortage(self, demand: Demand) -> str:
        """Return what keeps a session out; empty if it has room."""
        limits, sessions, processes = self._limits, self.sessions, self.processes
        if sessions >= limits.max_sessions:
            return f"{sessions} sessions run, and limits.max_sessions is {limits.max_sessions}"
        if processes + demand.processes > limits.max_total_processes:
            return (
                f"the session needs {demand.processes} processes, {processes} run, and "
                f"limits.max_total_processes is {limits.max_total_processes}"
            )
        if demand == _NOTHING:
            return ""
        pending = [each.demand for each in self._held if each.is_pending]
        return self._system.shortage(
            demand,
            Demand(
                sum(each.processes for each in pending), sum(each.descriptors for each in pending)
            ),
        )

    def _take(self, reservation: Reservation) -> None:
        self._held.append(reservation)
        reservation.granted.set()
        self._changed.unpark_all()

    def _release(self, reservation: Reservation) -> None:
        self._held.remove(reservation)
        self.admit_waiting()
        self._changed.unpark_all()

    def _withdraw(self, reservation: Reservation) -> None:
        if reservation.granted.is_set():
            self._release(reservation)
        else:
            self._waiting.remove(reservation)
            self.admit_waiting()  # a smaller one behind it may fit
            self._changed.unpark_all()

    def admit_waiting(self) -> None:
        """Admit the sessions that wait and have room now."""
        while self._waiting and not self._shortage(self._waiting[0].demand):
            self._take(self._waiting.popleft())

    def _refusal(self, shortage: str, waited_seconds: float = 0) -> ServerFullError:
        shortage = shortage or "others came first"
        if waited_seconds:
            shortage += f"; it waited {waited_seconds:g} s (limits.session_wait_secs)"
        if self._waiting:
            shortage += f"; {len(self._waiting)} other sessions wait"
        return ServerFullError(
            f"no room for the session: {shortage}; try again when another has ended"
        )
