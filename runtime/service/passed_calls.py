"""Calls that other workers pass on to this one, because it has the session."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import betterproto2
import msgspec
import trio
from grpclib.const import Status

from ..wire.codec import Codec, DecodeError
from .call_errors import CallError
from .call_runner import outcome_of
from .operator_call import OperatorCall
from .peers import BytesFromPeer, Frames, PeerRequest, Peers, is_own_user

OperatorHandler = Callable[[OperatorCall[Any, Any]], Awaitable[None]]


C = TypeVar("C", bound=BytesFromPeer)


@dataclass(frozen=True, slots=True)
class PassedRpc:
    """An rpc that other workers may call."""

    handler: OperatorHandler
    request_type: type[betterproto2.Message]


class PassedCall(BytesFromPeer):
    """A call of an rpc as its handler sees it; see `OperatorCall`."""

    def __init__(self, request: PeerRequest, frames: Frames, codec: Codec, rpc: PassedRpc) -> None:
        super().__init__(request, frames)
        self.authorization = request.authorization
        self._codec = codec
        self._request_type = rpc.request_type

    async def receive(self) -> Any:
        """Return the next message, or None when the caller has ended its side."""
        body = await self.receive_bytes()
        if body is None:
            return None
        try:
            return self._codec.decode(body, self._request_type)
        except DecodeError as error:
            raise CallError(Status.INVALID_ARGUMENT, f"not a message: {error}") from error

    async def send(self, *messages: betterproto2.Message) -> None:
        """Send messages; wait while the caller does not read."""
        await self.send_bytes(*map(self._codec.encode, messages))


class PassedCalls:
    """Answers them.

    Args:
        rpcs: by their paths.
        codec: of the messages.
        peers: has what answers calls whose messages are bytes.
    """

    def __init__(self, rpcs: Mapping[str, PassedRpc], codec: Codec, peers: Peers) -> None:
        self._rpcs = rpcs
        self._codec = codec
        self._peers = peers

    async def serve(  # noqa: ASYNC128 (serve_listeners calls it)
        self,
        listener: trio.SocketListener,
        *,
        task_status: "trio.TaskStatus[list[trio.SocketListener]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Answer calls until cancelled."""
        await trio.serve_listeners(self._answer, [listener], task_status=task_status)

    async def _answer(self, stream: trio.SocketStream) -> None:
        """Answer one call; its errors end nothing else."""
        frames = Frames(stream)
        try:
            opening = await frames.receive() if is_own_user(stream) else None
            if opening is None:
                return
            request = msgspec.msgpack.decode(opening[1], type=PeerRequest)
            if (rpc := self._rpcs.get(request.path)) is not None:
                await _run(PassedCall(request, frames, self._codec, rpc), rpc.handler)
            else:
                handler = self._peers.handlers.get(request.path, _refuse)
                await _run(BytesFromPeer(request, frames), handler)
        finally:
            with trio.CancelScope(shield=True):
                await frames.close()


async def _refuse(_call: BytesFromPeer) -> None:  # noqa: ASYNC124 (a handler is async)
    """Refuse a call: what answers it is not here, or no longer."""
    raise CallError(Status.UNAVAILABLE, "this worker does not answer such calls now")


async def _run(call: C, handler: Callable[[C], Awaitable[None]]) -> None:
    """Answer a call, which its caller's end cancels."""

    async def cancel_at_end() -> None:
        await call.take_in()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel_at_end)
        failure = await outcome_of(call, handler)
        await call.end(failure)
        nursery.cancel_scope.cancel()
