"""Calls that other workers pass on to this one, because it has the session."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import betterproto2
import msgspec
import trio
from grpclib.const import Status

from ..errors import MillraceError
from ..wire.codec import Codec, DecodeError
from .call_errors import CallError, status_of
from .call_runner import outcome_of
from .operator_call import OperatorCall
from .peers import FrameKind, Frames, PeerRequest, PeerStatus, is_own_user

# Messages of the caller that are not received yet; more wait in the socket.
_MOST_WAITING: Final = 16

OperatorHandler = Callable[[OperatorCall[Any, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PassedRpc:
    """An rpc that other workers may call."""

    handler: OperatorHandler
    request_type: type[betterproto2.Message]


class PassedCall:
    """A call as its handler sees it; see `OperatorCall`."""

    def __init__(self, request: PeerRequest, frames: Frames, codec: Codec, rpc: PassedRpc) -> None:
        self.peer = request.peer
        self.authorization = request.authorization
        self._frames = frames
        self._codec = codec
        self._request_type = rpc.request_type
        self._put, self._messages = trio.open_memory_channel[bytes](_MOST_WAITING)
        self._sending = trio.Lock()

    async def receive(self) -> Any:
        """Return the next message, or None when the caller has ended its side."""
        try:
            body = await self._messages.receive()
        except trio.EndOfChannel:
            return None
        try:
            return self._codec.decode(body, self._request_type)
        except DecodeError as error:
            raise CallError(Status.INVALID_ARGUMENT, f"not a message: {error}") from error

    async def send(self, *messages: betterproto2.Message) -> None:
        """Send messages; wait while the caller does not read."""
        async with self._sending:
            for message in messages:
                await self._send(FrameKind.MESSAGE, self._codec.encode(message))

    async def end(self, failure: MillraceError | None) -> None:
        """End the call with the status of an error; None means OK."""
        ok = PeerStatus(Status.OK.value, "")
        status = ok if failure is None else PeerStatus(status_of(failure).value, str(failure))
        await self._send(FrameKind.STATUS, msgspec.msgpack.encode(status))

    async def _send(self, kind: FrameKind, body: bytes) -> None:
        try:
            await self._frames.send(kind, body)
        except trio.BrokenResourceError:
            await trio.sleep_forever()  # the call is over: `take_in` has ended, and cancels it

    async def take_in(self) -> None:
        """Receive messages until the caller has ended the call."""
        while (frame := await self._frames.receive()) is not None:
            kind, body = frame
            if kind is FrameKind.MESSAGE:
                await self._put.send(body)
            elif kind is FrameKind.HALF_CLOSE:
                self._put.close()


class PassedCalls:
    """Answers them.

    Args:
        rpcs: by their paths.
        codec: of the messages.
    """

    def __init__(self, rpcs: Mapping[str, PassedRpc], codec: Codec) -> None:
        self._rpcs = rpcs
        self._codec = codec

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
            rpc = self._rpcs[request.path]
            async with trio.open_nursery() as nursery:
                call = PassedCall(request, frames, self._codec, rpc)
                nursery.start_soon(self._cancel_at_end, call, nursery.cancel_scope)
                failure = await outcome_of(call, rpc.handler)
                await call.end(failure)
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await frames.close()

    async def _cancel_at_end(self, call: PassedCall, scope: trio.CancelScope) -> None:
        await call.take_in()
        scope.cancel()
