"""The gRPC server: the services in front of a runtime, on one address, as long as a block lasts."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
import trio_asyncio
from grpclib.const import Cardinality, Handler
from grpclib.events import RecvRequest, listen

from ..config import Server as ServerSettings
from ..config import ServerAddress, server_access
from ..errors import ConfigError, Fault, sole_error
from ..session import Runtime
from ..wire import (
    ATTACH,
    CONTROL_SERVICE,
    EXECUTE_PIPELINE,
    EXECUTION_SERVICE,
    GET_VERSION,
    HEALTH_CHECK,
    HEALTH_SERVICE,
    HEALTH_WATCH,
    KILL_SESSION,
    LIST_SESSIONS,
    REFLECTION_INFO,
    REFLECTION_SERVICE,
    REFLECTION_V1ALPHA_INFO,
    STREAM_PIPELINE,
    STREAMING_SERVICE,
    WATCH_ITEMS,
    ControlEvent,
    ControlFrame,
    ExecuteRequest,
    ExecuteResponse,
    StreamRequest,
    StreamResponse,
    VersionRequest,
    VersionResponse,
)
from ..wire.codec import Codec
from ..wire.operations import (
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    WatchItemsRequest,
    WatchItemsResponse,
)
from ..wire.standard import (
    HealthCheckRequest,
    HealthCheckResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
)
from .authentication import Authentication
from .call_runner import CallRunner
from .execution import ExecutionService
from .health import HealthService
from .http2_server import Http2Server
from .operations import OperationsService
from .pipeline_control import PipelineControlService
from .reflection import ReflectionService
from .server_state import ServerState
from .streaming import StreamingService
from .tls import server_tls

_BACKLOG: Final = 512
# For calls to see that they are cut off, and to tell their clients, before the connections close.
_CANCEL_SECONDS: Final = 2.0
# For clients to close their connections, once they are told that all is said.
_CLOSE_SECONDS: Final = 1.0

_log = logging.getLogger("millrace.service")


class GrpcServer:
    """A server that listens.

    Attributes:
        address: where; its port is the one that was taken, if any was asked for.
        requires_token: whether calls need one.
    """

    def __init__(
        self,
        address: ServerAddress,
        requires_token: bool,
        calls: CallRunner,
        server_state: ServerState,
        health: HealthService,
        listener: Http2Server,
    ) -> None:
        self.address = address
        self.requires_token = requires_token
        self._calls = calls
        self._server_state = server_state
        self._health = health
        self._listener = listener

    @property
    def active_calls(self) -> int:
        """How many calls are being answered, those apart that may go on for ever."""
        return self._calls.active

    async def wait_idle(self) -> None:
        """Wait until no such call is being answered, and the session of each is gone."""
        await self._calls.wait_idle()

    async def wait_connections(self, at_most: int = 0) -> None:
        """Wait until no more clients are connected than this."""
        await self._listener.wait_at_most(at_most)

    async def drain(self, timeout_seconds: float) -> None:
        """Take no new calls; let those that run end by themselves, and after a while cut them off.

        Each that is cut off is told so. Health says NOT_SERVING meanwhile.
        """
        self._server_state.draining = True
        self._health.stop_serving()
        with trio.move_on_after(timeout_seconds):
            await self._calls.wait_idle()
        self._server_state.stopping.set()
        with trio.move_on_after(_CANCEL_SECONDS):
            await self._calls.wait_idle()


@asynccontextmanager
async def open_server(
    runtime: Runtime, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[GrpcServer]:
    """Serve a runtime, as its configuration's [server] and the environment say.

    Leaving the block cuts off what still runs; call `drain` before to be kinder.

    Args:
        runtime: what runs the sessions.
        environment: instead of the process's own.

    Raises:
        ConfigError: an address, token or certificate cannot be used.

    Example:
        async with open_runtime() as runtime, open_server(runtime) as server:
            print("listening on", server.address)
            await trio.sleep_forever()
    """
    settings = runtime.config.server
    access = server_access(settings, os.environ if environment is None else environment)
    tls = server_tls(settings)
    server_state = ServerState(traces=settings.expose_tracebacks)
    most_bytes = runtime.config.limits.max_message_bytes
    listening = _listening_socket(access.address)
    try:
        async with (
            trio_asyncio.open_loop() as loop,
            _open_last_nursery() as connections,
            trio.open_nursery() as nursery,
        ):
            loop.set_exception_handler(_on_exception)
            codec = Codec(StreamRequest, StreamResponse)
            calls = CallRunner(nursery, loop, codec, most_bytes)
            health = HealthService((EXECUTION_SERVICE, STREAMING_SERVICE))
            authentication = Authentication(access)
            handlers = _handlers(calls, runtime, server_state, health, authentication)
            listener = await trio_asyncio.aio_as_trio(_make)(
                handlers, connections, codec, settings, authentication, most_bytes
            )
            await trio_asyncio.aio_as_trio(listener.start)(
                sock=listening, backlog=_BACKLOG, ssl=tls
            )
            address = ServerAddress(access.address.host, listening.getsockname()[1])
            server = GrpcServer(address, access.require_auth, calls, server_state, health, listener)
            _log.info("listening", extra={"address": str(address), "tls": tls is not None})
            try:
                yield server
            finally:
                with trio.CancelScope(shield=True):
                    await _close(listener, server_state, calls, nursery)
    except BaseExceptionGroup as group:
        raise sole_error(group) from None
    finally:
        listening.close()


@asynccontextmanager
async def _open_last_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose tasks go on to the end of the block, also where that is cancelled.

    A nursery that is shielded itself would shield the block, too.
    """
    opened = trio.Event()
    held: list[trio.Nursery] = []

    async def hold() -> None:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                held.append(nursery)
                opened.set()
                await trio.sleep_forever()

    async with trio.open_nursery() as around:
        around.start_soon(hold)
        with trio.CancelScope(shield=True):
            await opened.wait()
        try:
            yield held[0]
        finally:
            held[0].cancel_scope.cancel()


async def _close(
    listener: Http2Server, server_state: ServerState, calls: CallRunner, nursery: trio.Nursery
) -> None:
    """Stop accepting, tell who is still here, cut."""
    server_state.draining = True
    listener.stop_listening()
    server_state.stopping.set()
    with trio.move_on_after(_CANCEL_SECONDS):
        await calls.wait_idle()
    nursery.cancel_scope.cancel()
    await trio_asyncio.aio_as_trio(_close_listener)(listener)
    await listener.close_connections(within_seconds=_CLOSE_SECONDS)
    await trio_asyncio.aio_as_trio(asyncio.sleep)(0)  # the transports' own last callbacks


async def _close_listener(listener: Http2Server) -> None:
    listener.close()
    await listener.wait_closed()


async def _make(  # noqa: ASYNC124 (it needs asyncio's context)
    handlers: Mapping[str, Handler],
    nursery: trio.Nursery,
    codec: Codec,
    settings: ServerSettings,
    authentication: Authentication,
    most_bytes: int,
) -> Http2Server:
    server = Http2Server(handlers, nursery, codec, settings, most_bytes)
    listen(server, RecvRequest, authentication.check)
    return server


def _handlers(
    calls: CallRunner,
    runtime: Runtime,
    server_state: ServerState,
    health: HealthService,
    authentication: Authentication,
) -> dict[str, Handler]:
    """Return what answers each rpc, by its path."""
    execution = ExecutionService(runtime, server_state)
    streaming = StreamingService(runtime, server_state)
    control = PipelineControlService(runtime, server_state, authentication)
    operations = OperationsService(runtime, server_state)
    reflection = ReflectionService(
        (EXECUTION_SERVICE, STREAMING_SERVICE, CONTROL_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICE)
    )
    unary, both = Cardinality.UNARY_UNARY, Cardinality.STREAM_STREAM
    check = HealthCheckRequest, HealthCheckResponse
    info = ServerReflectionRequest, ServerReflectionResponse
    return {
        EXECUTE_PIPELINE: calls.grpclib_handler(
            execution.execute_pipeline, unary, ExecuteRequest, ExecuteResponse
        ),
        GET_VERSION: calls.grpclib_handler(
            execution.get_version, unary, VersionRequest, VersionResponse
        ),
        STREAM_PIPELINE: calls.grpclib_handler(
            streaming.stream_pipeline, both, StreamRequest, StreamResponse
        ),
        ATTACH: calls.grpclib_handler(
            control.attach, both, ControlFrame, ControlEvent, counts=False
        ),
        LIST_SESSIONS: calls.grpclib_handler(
            operations.list_sessions, unary, ListSessionsRequest, ListSessionsResponse, counts=False
        ),
        KILL_SESSION: calls.grpclib_handler(
            operations.kill_session, unary, KillSessionRequest, KillSessionResponse, counts=False
        ),
        WATCH_ITEMS: calls.grpclib_handler(
            operations.watch_items,
            Cardinality.UNARY_STREAM,
            WatchItemsRequest,
            WatchItemsResponse,
            counts=False,
        ),
        HEALTH_CHECK: calls.grpclib_handler(health.check, unary, *check),
        HEALTH_WATCH: calls.grpclib_handler(
            health.watch, Cardinality.UNARY_STREAM, *check, counts=False
        ),
        REFLECTION_INFO: calls.grpclib_handler(
            reflection.server_reflection_info, both, *info, counts=False
        ),
        REFLECTION_V1ALPHA_INFO: calls.grpclib_handler(
            reflection.server_reflection_info, both, *info, counts=False
        ),
    }


def _listening_socket(address: ServerAddress) -> socket.socket:
    """Bind, so that an address that is taken is a clear error before anything is started.

    Raises:
        ConfigError: it cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, where = found[0]
        # With its protocol said, or asyncio would not turn Nagle's algorithm off, and every small
        # message would wait for the client's delayed acknowledgement, 40 ms.
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(address, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _unusable(address, error) from error
    return listening


def _unusable(address: ServerAddress, error: OSError) -> ConfigError:
    reason = error.strerror or str(error)
    return ConfigError([Fault(str(address), f"cannot be listened on: {reason}")])


def _on_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio would let the whole loop end with: it is one connection's."""
    error = context.get("exception")
    if not isinstance(error, OSError):  # a client that went away is no news
        _log.error("connection failed", exc_info=error, extra={"reason": context.get("message")})
