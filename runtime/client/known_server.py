"""One server of a client, and what the client knows of it. Runs on asyncio."""

import random
import time
from contextlib import suppress
from typing import Final

from ..config import replica_of
from ..errors import MillraceError
from ..wire import HEALTH_WATCH
from ..wire.grpclib_adapter import ClientProtocol
from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .call import CallEndedError, ClientCall
from .http2_connection import Http2Connection

# A server that did not answer, or has refused a call, comes last for so long; doubled each time.
_AVOIDED_SECONDS: Final = 1.0
_LONGEST_AVOIDED_SECONDS: Final = 30.0


class RefusedError(Exception):
    """A call that a server did not accept, and another one may.

    Attributes:
        error: for the user.
        leaves: whether the server should get the next call on another HTTP/2 connection.
    """

    def __init__(self, error: MillraceError, *, leaves: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.leaves = leaves


class Server:
    """One server, and what is known of it.

    Attributes:
        replica_id: of the last session that it has opened; None before.
    """

    def __init__(self, connection: Http2Connection) -> None:
        self.connection = connection
        # At random, so that clients with the same addresses do not all begin at the same one.
        self.last_used: float = -random.random()  # noqa: S311 (nothing secret)
        self._refused = 0
        self._avoided_until = 0.0
        self._watched: ClientProtocol | None = None
        self._watch: ClientCall[HealthCheckResponse] | None = None
        self._is_serving = True
        self._leaving: ClientProtocol | None = None
        self.replica_id: str | None = None

    def note_leaving(self) -> None:
        """Note that the server shuts down: it is avoided until it has closed the connection."""
        self._leaving = self.connection.current

    def note_session(self, session_id: str) -> None:
        """Note the id of a session that the server has opened."""
        self.replica_id = replica_of(session_id)

    def note_refused(self, refused: RefusedError) -> None:
        """Note that the server did not accept a call."""
        if refused.leaves:
            self.connection.retire()
        pause = min(_AVOIDED_SECONDS * 2**self._refused, _LONGEST_AVOIDED_SECONDS)
        self._avoided_until = _now() + pause
        self._refused += 1

    def note_accepted(self) -> None:
        """Note that the server has accepted a call."""
        self._refused = 0
        self._avoided_until = 0.0

    def is_available(self) -> bool:
        """Return whether it is likely that the server accepts a call."""
        if self._leaving is not None and not self._leaving.closed.is_set():
            return False
        return self._avoided_until <= _now() and self._reports_serving()

    async def watch_health(self) -> None:
        """Let the server report whether it accepts calls; connect to it first, if necessary.

        Raises:
            UnreachableError: there is no server.
        """
        protocol = await self.connection.connect()
        if protocol is self._watched:
            return
        self.stop_watching()
        self._watched, self._is_serving = protocol, True
        self._watch = await self.connection.open_call(HEALTH_WATCH, HealthCheckResponse)
        with suppress(CallEndedError):  # a server without the service
            await self._watch.send(self._watch.encode(HealthCheckRequest()), end=True)

    def stop_watching(self) -> None:
        """End that."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _reports_serving(self) -> bool:
        """Return what the server has reported; a server that reports nothing is available."""
        if self._watch is None or self._watch.has_ended:
            return True
        try:
            while (response := self._watch.try_receive()) is not None:
                self._is_serving = response.status != ServingStatus.NOT_SERVING
        except MillraceError:
            self.stop_watching()
            return True
        return self._is_serving


def _now() -> float:
    return time.monotonic()
