"""Operations of a server: what its operator sees and does."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TypeVar

import betterproto2

from ..wire import (
    EXPLAIN_SESSION,
    KILL_SESSION,
    LIST_SESSIONS,
    RECENT_ENDINGS,
    WATCH_ITEMS,
    WATCH_SERVER,
    WATCH_SESSION,
)
from ..wire.operations import (
    ExplainSessionRequest,
    ExplainSessionResponse,
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    RecentEndingsRequest,
    RecentEndingsResponse,
    SessionEnding,
    SessionInfo,
    WatchItemsRequest,
    WatchItemsResponse,
    WatchServerRequest,
    WatchServerResponse,
    WatchSessionRequest,
    WatchSessionResponse,
)
from .bridge import Bridge
from .http2_connection import Http2Connection
from .servers import Servers

Response = TypeVar("Response", bound=betterproto2.Message)


class RemoteOperations:
    """The calls of millrace.v1.Operations. All need an admin token, and one server."""

    _servers: Servers
    _bridge: Bridge

    @property
    def _sole_server(self) -> Http2Connection:
        return self._servers.sole()

    async def sessions(self) -> Sequence[SessionInfo]:
        """Return the sessions that are open on the server. This needs an admin token.

        Raises:
            MillraceError: the call failed.
        """
        response = await self._bridge.run(
            self._sole_server.call_unary, LIST_SESSIONS, ListSessionsRequest(), ListSessionsResponse
        )
        return response.sessions

    async def kill_session(self, session_id: str, reason: str = "") -> None:
        """End a session. This needs an admin token.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = KillSessionRequest(session_id=session_id, reason=reason)
        await self._bridge.run(
            self._sole_server.call_unary, KILL_SESSION, request, KillSessionResponse
        )

    def watch_items(
        self, session_id: str, nodes: Sequence[str] = ()
    ) -> AsyncGenerator[WatchItemsResponse, None]:
        """Iterate over what enters a session and what its nodes emit. This needs an admin token.

        Close the generator, for example by `contextlib.aclosing`.

        Args:
            session_id: the session.
            nodes: the nodes whose outputs are sent; none means all.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = WatchItemsRequest(session_id=session_id, nodes=list(nodes))
        return self._watch(WATCH_ITEMS, request, WatchItemsResponse)

    def watch_server(
        self, interval_seconds: float = 1.0
    ) -> AsyncGenerator[WatchServerResponse, None]:
        """Iterate over snapshots of the server and its sessions. This needs an admin token.

        Close the generator, for example by `contextlib.aclosing`.

        Args:
            interval_seconds: between snapshots, 0.2 to 60.

        Raises:
            MillraceError: the call failed.
        """
        request = WatchServerRequest(interval_ms=round(1000 * interval_seconds))
        return self._watch(WATCH_SERVER, request, WatchServerResponse)

    def watch_session(
        self, session_id: str, interval_seconds: float = 1.0
    ) -> AsyncGenerator[WatchSessionResponse, None]:
        """Iterate over snapshots of a session until it ends. This needs an admin token.

        The last one has how the session ended. Close the generator, for example by
        `contextlib.aclosing`.

        Args:
            session_id: the session.
            interval_seconds: between snapshots, 0.2 to 60.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = WatchSessionRequest(
            session_id=session_id, interval_ms=round(1000 * interval_seconds)
        )
        return self._watch(WATCH_SESSION, request, WatchSessionResponse)

    def explain_session(
        self, session_id: str, interval_seconds: float = 1.0, *, all_chunks: bool = False
    ) -> AsyncGenerator[ExplainSessionResponse, None]:
        """Iterate over where a session's latency comes from, until it ends.

        This needs an admin token. The first one comes when chunks begin to be followed; the last
        one has how the session ended. Close the generator, for example by `contextlib.aclosing`.

        Args:
            session_id: the session.
            interval_seconds: between summaries, 0.2 to 60.
            all_chunks: follow every chunk, and explain all results together; otherwise about 100
                chunks a second, and the results of the last minute.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = ExplainSessionRequest(
            session_id=session_id,
            interval_ms=round(1000 * interval_seconds),
            all_chunks=all_chunks,
        )
        return self._watch(EXPLAIN_SESSION, request, ExplainSessionResponse)

    async def recent_endings(self, after: int = 0) -> Sequence[SessionEnding]:
        """Return the sessions that ended in the last hour. This needs an admin token.

        Args:
            after: only those with a greater number.

        Raises:
            MillraceError: the call failed.
        """
        request = RecentEndingsRequest(after=after)
        response = await self._bridge.run(
            self._sole_server.call_unary, RECENT_ENDINGS, request, RecentEndingsResponse
        )
        return response.endings

    async def _watch(
        self, path: str, request: betterproto2.Message, response_type: type[Response]
    ) -> AsyncGenerator[Response, None]:
        call = await self._bridge.run(self._sole_server.open_call, path, response_type)
        try:
            await self._bridge.run(partial(call.send, end=True), call.encode(request))
            while (response := await self._bridge.run(call.receive)) is not None:
                yield response
        finally:
            call.close()
