"""The gRPC server: the services of a runtime at one address, as long as a block is open."""

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
import trio_asyncio

from ..config import ServerAddress, server_access
from ..errors import sole_error
from ..metrics import Drain, Registry
from ..session import Capacity, Runtime
from ..wire import (
    ATTACH,
    CONTROL_SERVICE,
    EXECUTE_PIPELINE,
    EXECUTION_SERVICE,
    EXPLAIN_SESSION,
    GET_VERSION,
    HEALTH_CHECK,
    HEALTH_SERVICE,
    HEALTH_WATCH,
    KILL_SESSION,
    LIST_SESSIONS,
    RECENT_ENDINGS,
    REFLECTION_INFO,
    REFLECTION_SERVICE,
    REFLECTION_V1ALPHA_INFO,
    STREAM_CORE_METRICS,
    STREAM_PIPELINE,
    STREAMING_SERVICE,
    WATCH_ITEMS,
    WATCH_SERVER,
    WATCH_SESSION,
    ControlFrame,
    ExecuteRequest,
    StreamRequest,
    StreamResponse,
    VersionRequest,
)
from ..wire.codec import Codec
from ..wire.operations import (
    ExplainSessionRequest,
    KillSessionRequest,
    ListSessionsRequest,
    RecentEndingsRequest,
    WatchItemsRequest,
    WatchServerRequest,
    WatchSessionRequest,
)
from ..wire.standard import (
    HealthCheckRequest,
    OrcaLoadReportRequest,
    ServerReflectionRequest,
)
from .authentication import Authentication
from .call_runner import CallRunner, Rpc
from .execution import ExecutionService
from .explaining import ExplainingService
from .health import HealthService
from .http2_server import Http2Server
from .listening import bound_socket, listen
from .load_reports import LoadReports
from .moved_state import StateSeals
from .operations import OperationsService
from .peers import Peers, listen_for_peers
from .pipeline_control import PipelineControlService
from .reflection import ReflectionService
from .server_state import ServerState
from .streaming import StreamingService
from .tls import server_tls
from .watching import WatchingService
from .worker_rpcs import passed_calls, rpcs_of_all_workers
from .worker_snapshots import OtherWorkers

# For cancelled calls to send their last messages, before the connections close.
_CANCEL_SECONDS: Final = 2.0
# For clients to close their connections after GOAWAY.
_CLOSE_SECONDS: Final = 1.0

END_SECONDS: Final = _CANCEL_SECONDS + _CLOSE_SECONDS
"""How long a server takes to end after its flush, at most, without the end of node processes."""

_log = logging.getLogger("millrace.service")


class GrpcServer:
    """A listening server.

    Attributes:
        address: the address, with the actual port if any free port was requested.
        requires_token: whether calls need a token.
        calls_path: of the socket for calls of other workers; empty without any.
    """

    def __init__(
        self,
        address: ServerAddress,
        requires_token: bool,
        calls: CallRunner,
        server_state: ServerState,
        health: HealthService,
        listener: Http2Server,
        metrics: Registry,
        capacity: Capacity,
        bound: socket.socket,
        *,
        uses_tls: bool,
        flush_seconds: float,
        calls_path: str = "",
    ) -> None:
        self.calls_path = calls_path
        self.address = address
        self.requires_token = requires_token
        self._calls = calls
        self._server_state = server_state
        self._health = health
        self._listener = listener
        self._metrics = metrics
        self._capacity = capacity
        self._bound = bound
        self._uses_tls = uses_tls
        self._flush_seconds = flush_seconds

    def start_listening(self) -> None:
        """Accept connections from now on.

        Raises:
            ConfigError: another server listens at the address since this one was opened.
        """
        listen(self._bound, self.address)
        self._listener.start(self._bound)
        _log.info("listening", extra={"address": str(self.address), "tls": self._uses_tls})

    @property
    def is_draining(self) -> bool:
        """Whether the server has begun to shut down."""
        return self._server_state.draining.is_set()

    @property
    def active_calls(self) -> int:
        """How many calls are running, without those that may last forever."""
        return self._calls.active

    async def wait_idle(self) -> None:
        """Wait until no such call is running, and the session of each has ended."""
        await self._calls.wait_idle()

    async def wait_connections(self, at_most: int = 0) -> None:
        """Wait until at most this many clients are connected."""
        await self._listener.wait_at_most(at_most)

    async def drain(
        self, timeout_seconds: float = math.inf, *, lame_duck_seconds: float = 0
    ) -> None:
        """Let running calls end, in steps, so that clients lose nothing.

        1. Health reports NOT_SERVING, and streams receive `draining`. New calls are accepted for
           `lame_duck_seconds`, while balancers take note.
        2. The server stops listening, and asks every client by GOAWAY to start its next calls on
           another connection. Calls that were under way are accepted.
        3. Running calls have `timeout_seconds` to end.
        4. Streams take no more input, send the results of what they have taken, and `closed`.
        5. After `server.flush_timeout_secs`, what still runs is cancelled. Its client receives an
           error.

        A session that waits for room is refused at the beginning: another server may have some.

        Args:
            timeout_seconds: of step 3; infinite: until all calls have ended.
            lame_duck_seconds: of step 1.
        """
        state = self._server_state
        seconds = lame_duck_seconds + timeout_seconds
        state.drain_deadline = trio.current_time() + seconds
        self._metrics.drain = Drain(time.time() + seconds if math.isfinite(seconds) else None)
        state.draining.set()
        self._health.stop_serving()
        self._capacity.refuse_waiting()
        await trio.sleep(lame_duck_seconds)
        self._listener.drain()
        with trio.move_on_at(state.drain_deadline):
            await self._calls.wait_idle()
        state.ending.set()
        with trio.move_on_after(self._flush_seconds):
            await self._calls.wait_idle()
        state.stopping.set()
        with trio.move_on_after(_CANCEL_SECONDS):
            await self._calls.wait_idle()


@asynccontextmanager
async def open_server(
    runtime: Runtime,
    *,
    environment: Mapping[str, str] | None = None,
    listening: socket.socket | None = None,
    peers: Peers | None = None,
    listens: bool = True,
) -> AsyncIterator[GrpcServer]:
    """Serve a runtime, configured by [server] of its configuration and by the environment.

    The end of the block cancels running calls; call `drain` before to let them end.

    Args:
        runtime: runs the sessions.
        environment: the environment variables; None means those of the process.
        listening: a socket that listens already; None: one at the address of the settings.
        peers: the other workers of this server; None: it is one process.
        listens: whether it accepts connections at once, or when `start_listening` is called. Until
            then they are refused, so that balancers try another server.

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
    runtime.replica_id = access.replica_id or runtime.replica_id
    server_state = ServerState(traces=settings.expose_tracebacks)
    most_bytes = runtime.config.limits.max_message_bytes
    listening = listening or bound_socket(access.address)
    try:
        async with (
            trio_asyncio.open_loop() as loop,
            _open_last_nursery() as connections,
            trio.open_nursery() as nursery,
        ):
            loop.set_exception_handler(_on_exception)
            health = HealthService((EXECUTION_SERVICE, STREAMING_SERVICE))
            authentication = Authentication(access)
            seals = StateSeals(access.state_keys, runtime.config.limits.max_state_bytes)
            codec = Codec(StreamResponse)
            others = None if peers is None else OtherWorkers(peers, codec)
            operations = OperationsService(runtime, server_state)
            watching = WatchingService(runtime, server_state, others)
            rpcs = _rpcs(runtime, server_state, health, authentication, seals, operations, watching)
            calls_path = ""
            if peers is not None:
                passed = passed_calls(rpcs, watching, codec, peers)
                from_workers, calls_path = listen_for_peers(runtime.folder)
                await nursery.start(passed.serve, from_workers)
                rpcs = rpcs_of_all_workers(rpcs, operations, peers, codec, server_state)
            load_trailer = None
            if settings.load_reports:
                load = LoadReports(runtime, codec, most_streams=settings.max_connections)
                load_trailer = load.trailer
                rpcs[STREAM_CORE_METRICS] = Rpc(
                    load.stream_core_metrics, OrcaLoadReportRequest, counts=False
                )
            calls = CallRunner(
                rpcs, nursery, loop, codec, most_bytes, runtime.metrics, load_trailer
            )
            listener = await trio_asyncio.aio_as_trio(_make)(
                calls, authentication, connections, loop, tls, settings, most_bytes
            )
            address = ServerAddress(access.address.host, listening.getsockname()[1])
            if settings.health_when_full == "not_serving":
                nursery.start_soon(health.follow, runtime.capacity)
            server = GrpcServer(
                address,
                access.require_auth,
                calls,
                server_state,
                health,
                listener,
                runtime.metrics,
                runtime.capacity,
                listening,
                uses_tls=tls is not None,
                flush_seconds=settings.flush_timeout_secs,
                calls_path=calls_path,
            )
            if listens:
                server.start_listening()
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
    """Open a nursery whose tasks run to the end of the block, even if the block is cancelled.

    A shielded nursery would shield the block, too.
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
    """Stop accepting, let running calls send their last messages, then close everything."""
    server_state.drain_deadline = min(server_state.drain_deadline, trio.current_time())
    server_state.draining.set()
    listener.stop_listening()
    server_state.ending.set()
    server_state.stopping.set()
    with trio.move_on_after(_CANCEL_SECONDS):
        await calls.wait_idle()
    nursery.cancel_scope.cancel()
    await calls.wait_all_ended()
    await listener.close_connections(within_seconds=_CLOSE_SECONDS)
    await trio_asyncio.aio_as_trio(asyncio.sleep)(0)  # for the last callbacks of the transports


async def _make(*arguments: Any) -> Http2Server:  # noqa: ASYNC124 (it needs asyncio's context)
    return Http2Server(*arguments)


def _rpcs(
    runtime: Runtime,
    server_state: ServerState,
    health: HealthService,
    authentication: Authentication,
    seals: StateSeals,
    operations: OperationsService,
    watching: WatchingService,
) -> dict[str, Rpc]:
    """Return the rpcs of the server, by their paths."""
    execution = ExecutionService(runtime, server_state, authentication)
    streaming = StreamingService(runtime, server_state, authentication, seals)
    control = PipelineControlService(runtime, server_state, authentication)
    explaining = ExplainingService(runtime, server_state)
    reflection = ReflectionService(
        (EXECUTION_SERVICE, STREAMING_SERVICE, CONTROL_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICE)
    )
    reflection_info = Rpc(reflection.server_reflection_info, ServerReflectionRequest, counts=False)
    return {
        EXECUTE_PIPELINE: Rpc(
            execution.execute_pipeline, ExecuteRequest, sends_headers=False, reports_load=True
        ),
        GET_VERSION: Rpc(execution.get_version, VersionRequest),
        STREAM_PIPELINE: Rpc(
            streaming.stream_pipeline, StreamRequest, sends_headers=False, reports_load=True
        ),
        ATTACH: Rpc(control.attach, ControlFrame, counts=False),
        LIST_SESSIONS: Rpc(operations.list_sessions, ListSessionsRequest, counts=False),
        KILL_SESSION: Rpc(operations.kill_session, KillSessionRequest, counts=False),
        WATCH_ITEMS: Rpc(operations.watch_items, WatchItemsRequest, counts=False),
        WATCH_SERVER: Rpc(watching.watch_server, WatchServerRequest, counts=False),
        WATCH_SESSION: Rpc(watching.watch_session, WatchSessionRequest, counts=False),
        EXPLAIN_SESSION: Rpc(explaining.explain_session, ExplainSessionRequest, counts=False),
        RECENT_ENDINGS: Rpc(operations.recent_endings, RecentEndingsRequest, counts=False),
        HEALTH_CHECK: Rpc(health.check, HealthCheckRequest),
        HEALTH_WATCH: Rpc(health.watch, HealthCheckRequest, counts=False),
        REFLECTION_INFO: reflection_info,
        REFLECTION_V1ALPHA_INFO: reflection_info,
    }


def _on_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception of a callback, which concerns one connection only."""
    error = context.get("exception")
    if not isinstance(error, OSError):  # OSError: a client that disconnected
        _log.error("connection failed", exc_info=error, extra={"reason": context.get("message")})
