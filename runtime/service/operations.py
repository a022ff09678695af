"""Operations: what the server's operator sees and does."""

from collections.abc import Iterable
from typing import Final

from ..recording import FeedItem, Side, open_feed
from ..session import Runtime, Session
from ..wire.conversion import ChunkEncoder
from ..wire.operations import (
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    RecentEndingsRequest,
    RecentEndingsResponse,
    SessionInfo,
    WatchedItem,
    WatchItemsRequest,
    WatchItemsResponse,
    WatchMetadata,
)
from .call_errors import session_not_found
from .operator_call import OperatorCall
from .server_state import ServerState
from .session_messages import ending_message, link_message, node_message, session_message

_BATCH: Final = 64
# Too short for an operator to notice. Without it, each item would cost several times as much.
_DELAY_SECONDS: Final = 0.2


class OperationsService:
    """Lists, watches and ends sessions; `Authentication` checks the tokens."""

    def __init__(self, runtime: Runtime, server_state: ServerState) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._encoder = ChunkEncoder()

    async def list_sessions(
        self, call: OperatorCall[ListSessionsRequest, ListSessionsResponse]
    ) -> None:
        """List the sessions that are open, the oldest first."""
        await call.receive()
        await call.send(ListSessionsResponse(sessions=self.own_sessions()))

    def own_sessions(self) -> list[SessionInfo]:
        """Return the sessions of this process, the oldest first."""
        sessions = sorted(self._runtime.sessions.values(), key=lambda each: each.opened_at)
        for session in sessions:
            session.refresh_statistics()
        return list(map(_with_nodes, sessions))

    async def kill_session(
        self, call: OperatorCall[KillSessionRequest, KillSessionResponse]
    ) -> None:
        """End a session.

        Raises:
            CallError: no such session is open.
        """
        request = await call.receive()
        session = self._session(request.session_id if request else "")
        session.kill(request.reason if request else "")
        await call.send(KillSessionResponse())

    async def watch_items(self, call: OperatorCall[WatchItemsRequest, WatchItemsResponse]) -> None:
        """Send the items of a session until it ends.

        Raises:
            CallError: no such session is open.
            UnknownNodeError: it has no such node.
        """
        request = await call.receive()
        session = self._session(request.session_id if request else "")
        nodes = list(request.nodes) if request and request.nodes else None
        async with (
            self._server_state.cancelled_at_stop(),
            open_feed(session, nodes, delay_seconds=_DELAY_SECONDS) as feed,
        ):
            began = WatchMetadata(entries=feed.begin_metadata())
            await call.send(WatchItemsResponse(began=began))
            while batch := await feed.take(_BATCH):
                await call.send(*self._messages(batch))
            ended = WatchMetadata(entries=feed.end_metadata())
            await call.send(WatchItemsResponse(ended=ended))

    async def recent_endings(
        self, call: OperatorCall[RecentEndingsRequest, RecentEndingsResponse]
    ) -> None:
        """List the sessions that ended in the last hour, the oldest first."""
        request = await call.receive()
        found = self._runtime.endings.after(request.after if request else 0)
        await call.send(RecentEndingsResponse(endings=list(map(ending_message, found))))

    def _messages(self, batch: Iterable[FeedItem]) -> Iterable[WatchItemsResponse]:
        for item in batch:
            watched = WatchedItem(
                node_id=item.node_id,
                is_input=item.side is Side.INPUT,
                chunk=item.encode(self._encoder),
                time_ns=item.time_ns,
                entered_ns=item.entered_ns,
            )
            yield WatchItemsResponse(item=watched)

    def _session(self, session_id: str) -> Session:
        session = self._runtime.sessions.get(session_id)
        if session is None:
            raise session_not_found(session_id, self._runtime)
        return session


def _with_nodes(session: Session) -> SessionInfo:
    figures = session.figures()
    message = session_message(session, figures)
    message.nodes = [node_message(session, node) for node in figures.nodes]
    message.links = [link_message(session, link) for link in figures.links]
    return message
