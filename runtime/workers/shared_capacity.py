"""Admission over several workers: the supervisor counts, and each worker looks at the machine."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import trio

from ..config import Limits
from ..errors import LimitError, ServerFullError
from ..session import Capacity, Demand, Reservation
from .messages import Granted, Refused, Release, Reserve, SharedState

_NO_LIMIT: Final = 2**31 - 1


class SharedCapacity(Capacity):
    """Admits the sessions of one worker within the limits of all.

    A session first gets a place from the supervisor, in the order of all workers' requests; then it
    has to fit what the machine has left, as in a server without workers. A place costs one exchange
    of messages with the supervisor, and no lock: it holds no shared memory that a worker which dies
    could leave in disorder. The supervisor takes back what such a worker holds.

    Args:
        limits: of all workers together.
        put: sends a message to the supervisor.
    """

    def __init__(self, limits: Limits, put: Callable[[Reserve | Release], None]) -> None:
        update = {"max_sessions": _NO_LIMIT, "max_total_processes": _NO_LIMIT}
        super().__init__(limits.model_copy(update=update))
        self._shared_limits = limits
        self._put = put
        self._numbers = count(1)
        self._requests: dict[int, _Request] = {}
        self._state = SharedState(0, 0, 0, ())

    @property
    def sessions(self) -> int:
        """How many sessions of all workers hold a place."""
        return self._state.sessions

    @property
    def processes(self) -> int:
        """How many processes they hold it for."""
        return self._state.processes

    @property
    def waiting(self) -> int:
        """How many sessions wait: of all workers for a place, of this one for the machine."""
        return self._state.waiting + super().waiting

    @property
    def is_full(self) -> bool:
        """Whether as many sessions or processes of all workers run as may."""
        return (
            self.sessions >= self._shared_limits.max_sessions
            or self.processes >= self._shared_limits.max_total_processes
        )

    @asynccontextmanager
    async def reserve(self, demand: Demand) -> AsyncIterator[Reservation]:
        """Hold what a session needs for as long as the block lasts; see `Capacity.reserve`."""
        number = next(self._numbers)
        request = self._requests[number] = _Request()
        self._put(Reserve(number, demand.processes))
        try:
            with self.waiting_at_most(math.inf):
                await request.answered.wait()
            if not request.answered.is_set():
                raise ServerFullError("no room for the session: the server shuts down")
            if request.refusal is not None:
                raise request.refusal
            async with super().reserve(demand) as reservation:
                yield reservation
        finally:
            del self._requests[number]
            if request.refusal is None:
                self._put(Release(number))

    def answer(self, message: Granted | Refused) -> None:
        """Take the supervisor's answer to a request."""
        request = self._requests.get(message.number)
        if request is None:
            return  # it was withdrawn meanwhile
        if isinstance(message, Refused):
            error = ServerFullError if message.is_full else LimitError
            request.refusal = error(message.message)
        request.answered.set()

    def follow(self, state: SharedState) -> None:
        """Take what all workers hold now."""
        self._state = state
        self.admit_waiting()  # a session of another worker may have left memory
        self._changed.unpark_all()


class _Request:
    """A session's request for a place."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.refusal: LimitError | None = None
