"""How many sessions and processes there may be at once, and whose turn it is."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from ..config import Limits
from ..errors import LimitError


@dataclass(slots=True, eq=False)
class _Request:
    processes: int
    granted: trio.Event = field(default_factory=trio.Event)


class Capacity:
    """Counts what sessions have, and refuses what would be too much, before anything is started.

    Between the check and the count nothing else runs, so sessions that start at the same time
    cannot overshoot. Where the operator lets sessions wait, they are served in the order in which
    they came: a small one never overtakes a large one.

    Attributes:
        sessions: that hold a reservation.
        processes: that they hold it for.
    """

    def __init__(self, limits: Limits) -> None:
        self.sessions = 0
        self.processes = 0
        self._limits = limits
        self._waiting: deque[_Request] = deque()

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return len(self._waiting)

    @asynccontextmanager
    async def reserve(self, processes: int) -> AsyncIterator[None]:
        """Hold a place for a session with so many processes, as long as the block lasts.

        Leave the block when the last process is reaped.

        Raises:
            LimitError: there is no room, also after `limits.session_wait_secs`.
        """
        await self._acquire(processes)
        try:
            yield
        finally:
            self._release(processes)

    async def _acquire(self, processes: int) -> None:
        if not self._waiting and self._has_room(processes):
            self._take(processes)
            return
        wait_seconds = self._limits.session_wait_secs
        if not wait_seconds or processes > self._limits.max_total_processes:
            raise self._refusal(processes)
        request = _Request(processes)
        self._waiting.append(request)
        try:
            with trio.move_on_after(wait_seconds):
                await request.granted.wait()
        except BaseException:
            self._withdraw(request)
            raise
        if not request.granted.is_set():
            self._withdraw(request)
            raise self._refusal(processes, wait_seconds)

    def _has_room(self, processes: int) -> bool:
        limits = self._limits
        return (
            self.sessions < limits.max_sessions
            and self.processes + processes <= limits.max_total_processes
        )

    def _take(self, processes: int) -> None:
        self.sessions += 1
        self.processes += processes

    def _release(self, processes: int) -> None:
        self.sessions -= 1
        self.processes -= processes
        self._serve_waiting()

    def _withdraw(self, request: _Request) -> None:
        if request.granted.is_set():
            self._release(request.processes)
        else:
            self._waiting.remove(request)
            self._serve_waiting()  # a smaller one behind it may fit

    def _serve_waiting(self) -> None:
        while self._waiting and self._has_room(self._waiting[0].processes):
            request = self._waiting.popleft()
            self._take(request.processes)
            request.granted.set()

    def _refusal(self, processes: int, waited_seconds: float = 0) -> LimitError:
        limits = self._limits
        if self.sessions >= limits.max_sessions:
            what = f"{self.sessions} sessions run, and limits.max_sessions is {limits.max_sessions}"
        else:
            what = (
                f"the session needs {processes} processes, {self.processes} run, and "
                f"limits.max_total_processes is {limits.max_total_processes}"
            )
        if waited_seconds:
            what += f"; it waited {waited_seconds:g} s (limits.session_wait_secs)"
        elif self._waiting:
            what += f"; {len(self._waiting)} other sessions wait"
        return LimitError(f"no room for the session: {what}; try again when another has ended")
