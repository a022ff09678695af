"""Passes calls about a session on to the worker that has it, and asks all workers where needed."""

from collections.abc import Callable
from typing import Any, Final, Generic

import betterproto2
import trio
from grpclib.const import Status

from ..wire import LIST_SESSIONS, ControlFrame
from ..wire.codec import Codec
from ..wire.operations import ListSessionsRequest, ListSessionsResponse, SessionInfo
from .call_errors import CallError
from .operator_call import OperatorCall, Request, Response
from .passed_calls import OperatorHandler
from .peers import Peer, PeerCall, Peers
from .server_state import ServerState

# A worker whose event loop runs answers in milliseconds.
_LIST_SECONDS: Final = 2.0


class PassingOn:
    """Makes handlers that reach the sessions of all workers."""

    def __init__(self, peers: Peers, codec: Codec, server_state: ServerState) -> None:
        self._peers = peers
        self._codec = codec
        self._server_state = server_state

    def to_owner(
        self, path: str, handler: OperatorHandler, response_type: type[betterproto2.Message]
    ) -> OperatorHandler:
        """Return a handler of calls whose first message names a session.

        Args:
            path: of the rpc.
            handler: answers calls about sessions of this worker.
            response_type: the class of the responses.
        """

        async def answer(call: OperatorCall[Any, Any]) -> None:
            first = await call.receive()
            owner = None if first is None else self._peers.owner(_session_id(first))
            if owner is None or first is None:
                await handler(_CallAgain(call, first))
                return
            async with (
                self._server_state.cancelled_at_stop(),
                owner.call(
                    path, self._codec, peer=call.peer, authorization=call.authorization
                ) as passed,
            ):
                await passed.send(first)
                await _relay(call, passed, response_type)

        return answer

    async def list_sessions(
        self,
        call: OperatorCall[ListSessionsRequest, ListSessionsResponse],
        own: Callable[[], list[SessionInfo]],
    ) -> None:
        """List the sessions of all workers, the oldest first.

        Raises:
            CallError: UNAVAILABLE: a worker does not answer. A list of the others' sessions would
                look like a whole one.
        """
        await call.receive()
        sessions: list[SessionInfo] = []

        async def ask(peer: Peer) -> None:
            with trio.move_on_after(_LIST_SECONDS):
                async with peer.call(LIST_SESSIONS, self._codec) as asked:
                    await asked.send(ListSessionsRequest())
                    response = await asked.receive(ListSessionsResponse)
                    sessions.extend([] if response is None else response.sessions)
                    return
            raise CallError(
                Status.UNAVAILABLE,
                f"worker {peer.number} of this server (process {peer.process_id}) does not answer, "
                "so its sessions cannot be listed",
            )

        async with trio.open_nursery() as nursery:
            for peer in self._peers.others:
                nursery.start_soon(ask, peer)
        sessions += own()
        sessions.sort(key=lambda session: session.opened_ms)
        await call.send(ListSessionsResponse(sessions=sessions))


class _CallAgain(Generic[Request, Response]):
    """A call whose first message is received again."""

    def __init__(self, call: OperatorCall[Request, Response], first: Request | None) -> None:
        self.peer = call.peer
        self.authorization = call.authorization
        self._call = call
        self._first = first
        self._is_begun = False

    async def receive(self) -> Request | None:
        """Return the next message."""
        if not self._is_begun:
            self._is_begun = True
            return self._first
        return await self._call.receive()

    async def send(self, *messages: Any) -> None:
        """Send messages."""
        await self._call.send(*messages)


async def _relay(
    call: OperatorCall[Any, Any], passed: PeerCall, response_type: type[betterproto2.Message]
) -> None:
    """Relay messages both ways until the other worker ends the call."""

    async def relay_requests() -> None:
        while (message := await call.receive()) is not None:
            await passed.send(message)
        await passed.half_close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay_requests)
        while (response := await passed.receive(response_type)) is not None:
            await call.send(response)
        nursery.cancel_scope.cancel()


def _session_id(message: object) -> str:
    """Return the id of the session that a first message names; empty for none."""
    if isinstance(message, ControlFrame):
        return "" if message.hello is None else message.hello.session_id
    return str(getattr(message, "session_id", ""))
