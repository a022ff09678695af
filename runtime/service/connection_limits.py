"""How many connections clients may have."""

import logging
from collections import Counter
from typing import Final

import trio

from ..config import Server as ServerSettings

_log = logging.getLogger("millrace.service")

# A flood of connections would otherwise be a flood of log lines.
_LOG_SECONDS: Final = 1.0


class ConnectionLimits:
    """Counts the connections of a server, all and by peer.

    Args:
        settings: with the limits.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._most = settings.max_connections
        self._most_per_peer = settings.max_connections_per_peer
        self._count = 0
        self._by_peer: Counter[str] = Counter()
        self._quiet_until = -1.0
        self._unlogged = 0

    def refusal(self, peer: str) -> str:
        """Return why a peer may have no further connection; empty if it may.

        Args:
            peer: its IP address.
        """
        if self._count >= self._most:
            return f"{self._most} connections are open (server.max_connections)"
        if self._by_peer[peer] >= self._most_per_peer:
            return (
                f"{self._most_per_peer} connections of this peer are open "
                "(server.max_connections_per_peer)"
            )
        return ""

    def add(self, peer: str) -> None:
        """Count a connection."""
        self._count += 1
        self._by_peer[peer] += 1

    def remove(self, peer: str) -> None:
        """Count a connection no longer."""
        self._count -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]

    def log_refused(self, peer: str, reason: str) -> None:
        """Log a connection that was refused; at most one line per second."""
        self._log("connection refused", peer, reason)

    def log_closed(self, peer: str, reason: str) -> None:
        """Log a connection that was closed for a limit; at most one line per second."""
        self._log("connection closed", peer, reason)

    def log_call_refused(self, peer: str, reason: str) -> None:
        """Log a call without a valid token; at most one line per second."""
        self._log("call refused", peer, reason)

    def _log(self, event: str, peer: str, reason: str) -> None:
        now = trio.current_time()
        if now < self._quiet_until:
            self._unlogged += 1
            return
        self._quiet_until = now + _LOG_SECONDS
        more = {"unlogged": self._unlogged} if self._unlogged else {}
        self._unlogged = 0
        _log.warning(event, extra={"peer": peer, "reason": reason, **more})
