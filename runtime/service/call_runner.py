"""Runs each call as a trio task."""

import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import trio
import trio_asyncio
from grpclib.const import Status

from ..errors import InternalError, MillraceError, ShutdownError, sole_error
from ..metrics import OTHER, Registry
from ..wire import LOAD_REPORT_TRAILER
from ..wire.codec import Codec
from ..wire.grpclib_adapter import RefusedCallError, ServerStream
from .call_errors import CallError, status_of
from .server_call import ServerCall

_log = logging.getLogger("millrace.service")


class _OfClient(Protocol):
    peer: str


C = TypeVar("C", bound=_OfClient)

CallHandler = Callable[[ServerCall[Any, Any]], Awaitable[None]]
"""Answers one call. The error that it raises becomes the call's status."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """One rpc of the server.

    Attributes:
        handler: answers its calls.
        request_type: the class of the requests.
        counts: whether a server that shuts down waits for its calls.
        sends_headers: whether the headers are sent before the handler runs. Otherwise the first
            message sends them, and a call that is refused before it has trailers only: gRPC's own
            retries may try another server then.
        reports_load: whether the trailers have the load of the server, if it reports it.
    """

    handler: CallHandler
    request_type: type[Any]
    counts: bool = True
    sends_headers: bool = True
    reports_load: bool = False


class CallRunner:
    """Runs the calls of a server as tasks of one trio nursery.

    Attributes:
        active: how many counted calls are running.

    Args:
        rpcs: by their paths.
        nursery: of the calls.
        loop: asyncio's, on which grpclib runs.
        codec: of the messages.
        most_bytes: of one message.
        metrics: counts the calls.
        load_trailer: returns the load for the trailers of calls that report it; None: none does.
    """

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        nursery: trio.Nursery,
        loop: trio_asyncio.TrioEventLoop,
        codec: Codec,
        most_bytes: int,
        metrics: Registry,
        load_trailer: Callable[[], str] | None = None,
    ) -> None:
        self.active = 0
        self._metrics = metrics
        self._load_trailer = load_trailer
        self._running = 0
        self._rpcs = rpcs
        self._ended = trio.lowlevel.ParkingLot()
        self._nursery = nursery
        self._loop = loop
        self._codec = codec
        self._most_bytes = most_bytes
        # A thread that decodes competes with the event loop for the interpreter.
        self._decoding = trio.CapacityLimiter(1)
        # Calls start in callbacks of asyncio; a trio task must not inherit their context.
        self._context = contextvars.copy_context()
        for rpc in rpcs.values():
            codec.prepare(rpc.request_type)

    def check_path(self, path: str) -> None:
        """Check that there is such an rpc.

        Raises:
            RefusedCallError: UNIMPLEMENTED.
        """
        if path not in self._rpcs:
            raise RefusedCallError(Status.UNIMPLEMENTED, "there is no such rpc here")

    def count_refused(self, path: str, refused: RefusedCallError) -> None:
        """Count a call that is refused before it starts; its path may be any text."""
        method = path.removeprefix("/") if path in self._rpcs else OTHER
        status = refused.status or Status.UNKNOWN
        self._metrics.count_refused_call(method, status.name)

    def start(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call, of a path that was checked; return a function that cancels it.

        A cancelled call has ended when its session has: until then it counts.
        """
        rpc = self._rpcs[stream.request.path]
        timeout = stream.request.timeout_seconds
        scope = trio.CancelScope()
        if timeout is not None:
            scope.deadline = trio.current_time() + timeout
        self.active += rpc.counts
        self._running += 1
        self._metrics.begin_call(stream.request.path.removeprefix("/"))
        self._context.run(self._nursery.start_soon, self._run, stream, rpc, scope)
        return scope.cancel

    async def wait_idle(self) -> None:
        """Wait until no counted call is running."""
        while self.active:
            await self._ended.park()

    async def wait_all_ended(self) -> None:
        """Wait until no call is running, counted or not."""
        while self._running:
            await self._ended.park()

    async def _run(self, stream: ServerStream, rpc: Rpc, scope: trio.CancelScope) -> None:
        """Answer a call, and end it with its status, which the client sees if it is still there."""
        call: ServerCall[Any, Any] = ServerCall(
            stream,
            rpc.request_type,
            self._codec,
            self._loop,
            self._decoding,
            most_bytes=self._most_bytes,
        )
        failure: MillraceError | None = ShutdownError("the server is shutting down")
        try:
            with scope:
                # A call that was reset at once, or whose time is over, starts nothing.
                await trio.lowlevel.checkpoint_if_cancelled()
                if rpc.sends_headers:
                    call.send_headers()
                failure = await outcome_of(call, rpc.handler)
            if scope.cancelled_caught and trio.current_time() >= scope.deadline:
                seconds = stream.request.timeout_seconds
                failure = CallError(
                    Status.DEADLINE_EXCEEDED,
                    f"no answer within the client's deadline, {seconds:g} s",
                )
        finally:
            call.send_status(failure, self._more_trailers(rpc, failure))
            stream.release()
            self.active -= rpc.counts
            self._running -= 1
            is_reset = scope.cancelled_caught and trio.current_time() < scope.deadline
            status = Status.CANCELLED if is_reset else _status(failure)
            self._metrics.end_call(stream.request.path.removeprefix("/"), status.name)
            self._ended.unpark_all()

    def _more_trailers(self, rpc: Rpc, failure: MillraceError | None) -> Sequence[tuple[str, str]]:
        trailers = failure.trailers if isinstance(failure, CallError) else ()
        if self._load_trailer is None or not rpc.reports_load:
            return trailers
        return [*trailers, (LOAD_REPORT_TRAILER, self._load_trailer())]


def _status(failure: MillraceError | None) -> Status:
    return Status.OK if failure is None else status_of(failure)


async def outcome_of(call: C, handler: Callable[[C], Awaitable[None]]) -> MillraceError | None:
    """Answer a call; return the error for its status."""
    try:
        await handler(call)
    except Exception as error:  # noqa: BLE001 (any error ends this call only)
        real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(real, MillraceError):
            # Only its text is needed. Its frames refer to it, and to what the session had.
            real.__context__ = None
            return real.with_traceback(None)
        _log.error("call failed", exc_info=real, extra={"peer": call.peer})
        return InternalError("internal error; the server's log has more")
    return None
