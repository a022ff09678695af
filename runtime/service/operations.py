"""Operations: what the server's operator sees and does."""

from collections.abc import Iterable
from typing import Any, Final

from ..recording import FeedItem, Side, open_feed
from ..session import Runtime, Session
from ..wire.conversion import ChunkEncoder
from ..wire.operations import (
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    NodeInfo,
    SessionInfo,
    WatchedItem,
    WatchItemsRequest,
    WatchItemsResponse,
    WatchMetadata,
)
from .call_errors import session_not_found
from .server_call import ServerCall
from .server_state import ServerState

_BATCH: Final = 64
# Too short for an operator to notice. Without it, each item would cost several times as much.
_DELAY_SECONDS: Final = 0.2


class OperationsService:
    """Answers ListSessions, KillSession and WatchItems; `Authentication` checks the tokens."""

    def __init__(self, runtime: Runtime, server_state: ServerState) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._encoder = ChunkEncoder()

    async def list_sessions(
        self, call: ServerCall[ListSessionsRequest, ListSessionsResponse]
    ) -> None:
        """List the sessions that are open, the oldest first."""
        await call.receive()
        sessions = sorted(self._runtime.sessions.values(), key=lambda each: each.opened_at)
        for session in sessions:
            session.refresh_statistics()
        await call.send(ListSessionsResponse(sessions=list(map(_session_info, sessions))))

    async def kill_session(self, call: ServerCall[KillSessionRequest, KillSessionResponse]) -> None:
        """End a session.

        Raises:
            CallError: no such session is open.
        """
        request = await call.receive()
        session = self._session(request.session_id if request else "")
        session.kill(request.reason if request else "")
        await call.send(KillSessionResponse())

    async def watch_items(self, call: ServerCall[WatchItemsRequest, WatchItemsResponse]) -> None:
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
            raise session_not_found(session_id)
        return session


def _session_info(session: Session) -> SessionInfo:
    statistics: Any = session.statistics()
    processes = session.processes()
    nodes = [
        NodeInfo(
            node_id=str(node.node_id),
            node_type=node.node_type.name,
            executor=node.executor,
            process_id=processes.get(str(node.node_id), 0),
            items_in=statistics[node.node_id].items_in,
            items_out=statistics[node.node_id].items_out,
            p50_ms=1000 * statistics[node.node_id].processing.quantile(0.5),
            p99_ms=1000 * statistics[node.node_id].processing.quantile(0.99),
            state=session.bus.state_of(str(node.node_id)).value,
        )
        for node in session.plan.nodes
    ]
    return SessionInfo(
        session_id=session.id,
        pipeline=session.plan.manifest.metadata.name,
        state=session.state.value,
        peer=session.peer,
        opened_ms=round(1000 * session.opened_at),
        nodes=nodes,
        waiting_items=session.waiting(),
        dropped_items=session.dropped(),
    )
