"""One worker of a supervisor: its channel, and what it holds of the shared limits."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import trio

from ..errors import LimitError, ServerFullError
from ..metrics import Snapshot
from ..session import Capacity, Demand, EndedSession
from .channel import Channel
from .messages import (
    Granted,
    Ping,
    Refused,
    Release,
    Reserve,
    TakeSnapshot,
    ToSupervisor,
    ToWorker,
)
from .worker_process import WorkerProcess

_log: Final = logging.getLogger("millrace.workers")

WorkerChannel = Channel[ToWorker, ToSupervisor]


class Worker:
    """A running worker.

    Attributes:
        number: from 0.
        process: that it runs in.
        channel: to it.
        peers: the path at which other workers reach it; empty until it is ready.
        ready_at: then, the time of trio's clock.
        places: sessions that have one, or wait.
        snapshot: the last one that it has sent.
        lost: sessions that had a place when it ended.
        open: its sessions by id, as they end if it does.
        ended: how many of its sessions have ended, by outcome.
    """

    def __init__(
        self, number: int, process: WorkerProcess, channel: WorkerChannel, nursery: trio.Nursery
    ) -> None:
        self.number = number
        self.process = process
        self.channel = channel
        self.peers = ""
        self.ready_at = math.inf
        self.places: dict[int, trio.CancelScope] = {}
        self.snapshot: Snapshot | None = None
        self.lost = 0
        self.open: dict[str, EndedSession] = {}
        self.ended: Counter[str] = Counter()
        self._nursery = nursery
        self._awaited: dict[int, trio.Event] = {}
        self._taken = 0
        self._pong = trio.Event()

    def reserve(self, request: Reserve, capacity: Capacity) -> None:
        """Answer a session's request for a place, as soon as there is one."""
        scope = self.places[request.number] = trio.CancelScope()
        self._nursery.start_soon(self._hold, request, capacity, scope)

    def release(self, request: Release) -> None:
        """Take the place back; or the session waits no longer."""
        scope = self.places.get(request.number)
        if scope is not None:
            scope.cancel()

    async def take_snapshot(self, within_seconds: float) -> Snapshot | None:
        """Return a new snapshot of the worker; None if it sends none in time."""
        self._taken += 1
        number = self._taken
        arrived = self._awaited[number] = trio.Event()
        self.channel.put(TakeSnapshot(number))
        try:
            with trio.move_on_after(within_seconds):
                await arrived.wait()
                return self.snapshot
        finally:
            del self._awaited[number]
        return None

    def add_snapshot(self, number: int, snapshot: Snapshot) -> None:
        """Take the snapshot that was asked for."""
        self.snapshot = snapshot
        if number in self._awaited:
            self._awaited[number].set()

    async def watch(self, timeout_seconds: float) -> None:
        """Kill the worker when its event loop has not run for this time; until cancelled."""
        while True:
            self._pong = trio.Event()
            self.channel.put(Ping())
            with trio.move_on_after(timeout_seconds) as waiting:
                await self._pong.wait()
            if waiting.cancelled_caught:
                fields = {"worker": self.number, "pid": self.process.pid}
                _log.error("worker does not answer, and is killed", extra=fields)
                self.process.kill()
                return
            await trio.sleep(timeout_seconds / 2)

    def add_pong(self) -> None:
        """Take a sign of life."""
        self._pong.set()

    def end_session(self, session: EndedSession) -> None:
        """Note that a session of it has ended."""
        self.open.pop(session.session_id, None)
        self.ended[session.ending.outcome] += 1

    def lost_sessions(self) -> list[EndedSession]:
        """Log those that it had when it ended, and return them."""
        lost = [replace(session, ended_at=time.time()) for session in self.open.values()]
        for each in lost:
            fields = {
                "session": each.session_id,
                "manifest": each.pipeline,
                "outcome": each.ending.outcome,
                "reason": each.ending.reason.value,
                "seconds": round(each.ended_at - each.opened_at, 3),
                "peer": each.peer,
                "token": each.token_name or None,
                "detail": each.ending.detail,
            }
            _log.info("session ended", extra=fields)
        return lost

    def start_soon(self, task: Callable[..., object], *arguments: object) -> None:
        """Start a task that ends with the worker."""
        self._nursery.start_soon(task, *arguments)  # type: ignore[arg-type]

    async def _hold(self, request: Reserve, capacity: Capacity, scope: trio.CancelScope) -> None:
        try:
            with scope:
                async with capacity.reserve(Demand(request.processes)):
                    self.channel.put(Granted(request.number))
                    try:
                        await trio.sleep_forever()
                    finally:
                        self.lost += not scope.cancel_called
        except LimitError as error:
            is_full = isinstance(error, ServerFullError)
            self.channel.put(Refused(request.number, str(error), is_full))
        finally:
            del self.places[request.number]
