"""A runtime on a server, as long as a block lasts."""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final

from actors import Data

from ..config import DEFAULT_ADDRESS, TOKEN_RULE, ResourceLimits, ServerAddress, is_token
from ..errors import CallerError, ConfigError, InputError, ServerError
from ..manifest import ManifestSource, read_manifest
from ..wire import (
    ATTACH,
    AUTHORIZATION,
    EXECUTE_PIPELINE,
    GET_VERSION,
    HEALTH_CHECK,
    KILL_SESSION,
    LIST_SESSIONS,
    PROTOCOL_VERSION,
    STREAM_PIPELINE,
    WATCH_ITEMS,
    ControlEvent,
    ControlFrame,
    ExecuteRequest,
    ExecuteResponse,
    ExecutionMetrics,
    ExecutionStatus,
    Hello,
    NodeResult,
    StreamInit,
    StreamRequest,
    StreamResponse,
    VersionRequest,
    VersionResponse,
    authorization_value,
)
from ..wire.conversion import data_of, error_of, limits_message, manifest_message
from ..wire.operations import (
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    SessionInfo,
    WatchItemsRequest,
    WatchItemsResponse,
)
from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .attach import RemoteAttach
from .bridge import Bridge, open_bridge
from .http2_connection import Http2Connection
from .items import Sendable, input_buffers
from .request_sender import RequestSender
from .response_reader import ResponseReader
from .stream import RemoteStream
from .tls import client_tls

_MOST_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_UNLIMITED: Final = ResourceLimits()


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of a whole run.

    Attributes:
        outputs: sink node to what it gave. Where that is several items that cannot be joined to
            one, those after the first are called `id#2`, `id#3` and so on.
        metrics: what the run cost.
        node_results: how each node fared, by its id.
        status: SUCCESS, or PARTIAL_SUCCESS of a server that knows such.
    """

    outputs: Mapping[str, Data]
    metrics: ExecutionMetrics
    node_results: Mapping[str, NodeResult]
    status: ExecutionStatus


class RemoteRuntime:
    """A server's runtime. Its calls, streams among them, may go on at the same time."""

    def __init__(self, connection: Http2Connection, bridge: Bridge) -> None:
        self._connection = connection
        self._bridge = bridge

    @asynccontextmanager
    async def stream(
        self,
        manifest: ManifestSource,
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
        chunk_size: int = 0,
    ) -> AsyncIterator[RemoteStream]:
        """Run a pipeline for as long as the block lasts.

        Leaving the block before the end of the stream cancels what still runs.

        Args:
            manifest: a Manifest, an object that says one, or the path of a JSON or YAML file.
            resource_limits: what the pipeline may use.
            chunk_size: in samples, that the chunks will have; 0 asks for a recommendation.

        Raises:
            ManifestError: the manifest is not valid; here, or because the server says so.
            MillraceError: the pipeline failed, by the class and with the facts of its error there.
            UnreachableError: the connection was lost.
        """
        checked = read_manifest(manifest)
        init = StreamInit(
            manifest=manifest_message(checked),
            resource_limits=limits_message(resource_limits),
            client_version=f"millrace {version('millrace-runtime')}",
            expected_chunk_size=chunk_size,
        )
        call = await self._bridge.run(self._connection.open_call, STREAM_PIPELINE, StreamResponse)
        try:
            responses = ResponseReader(call)
            requests = RequestSender(call, responses, self._bridge)
            await requests.send(StreamRequest(init=init))
            yield RemoteStream(call, requests, responses, checked, self._bridge)
            responses.raise_failure()
        finally:
            call.close()

    async def execute(
        self,
        manifest: ManifestSource,
        inputs: Sendable | Mapping[str, Sendable],
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
    ) -> Execution:
        """Run a pipeline on all of its input, and return all of its output.

        Args:
            manifest: as for `stream`.
            inputs: node id to what goes in there; or one item, which goes to all source nodes.
            resource_limits: what the pipeline may use.

        Raises:
            MillraceError: as `stream`.
        """
        checked = read_manifest(manifest)
        request = ExecuteRequest(
            manifest=manifest_message(checked),
            data_inputs=input_buffers(inputs, checked),
            resource_limits=limits_message(resource_limits),
            client_version=PROTOCOL_VERSION,
        )
        response = await self._bridge.run(
            self._connection.call_unary, EXECUTE_PIPELINE, request, ExecuteResponse
        )
        if response.error is not None:
            raise error_of(response.error)
        if response.result is None:
            raise ServerError("the server's answer has neither a result nor an error")
        result = response.result
        try:
            outputs = {name: data_of(each, name) for name, each in result.data_outputs.items()}
        except InputError as error:
            raise ServerError(f"the server sent what is no item: {error}") from error
        return Execution(
            outputs,
            result.metrics or ExecutionMetrics(),
            {each.node_id: each for each in result.node_results},
            ExecutionStatus(result.status),
        )

    async def version(self) -> VersionResponse:
        """Return what the server is, what node types it has, and if it speaks as this client does.

        Raises:
            MillraceError: the call failed.
        """
        request = VersionRequest(client_version=PROTOCOL_VERSION)
        return await self._bridge.run(
            self._connection.call_unary, GET_VERSION, request, VersionResponse
        )

    async def health(self, service: str = "") -> ServingStatus:
        """Return whether the server takes calls. This needs no token.

        Args:
            service: one service by its name; "" asks for the server as a whole.

        Raises:
            CallerError: there is no such service.
            MillraceError: the call failed.
        """
        request = HealthCheckRequest(service=service)
        response = await self._bridge.run(
            self._connection.call_unary, HEALTH_CHECK, request, HealthCheckResponse
        )
        return ServingStatus(response.status)

    @asynccontextmanager
    async def attach(self, session_id: str, attach_id: str = "") -> AsyncIterator[RemoteAttach]:
        """Attach to a session, for as long as the block lasts; the session goes on after it.

        The first event is `attached`.

        Raises:
            MillraceError: the call failed.
        """
        call = await self._bridge.run(self._connection.open_call, ATTACH, ControlEvent)
        try:
            attach = RemoteAttach(call, self._bridge)
            hello = Hello(session_id=session_id, attach_id=attach_id)
            await attach.send(ControlFrame(hello=hello))
            yield attach
        finally:
            call.close()

    async def sessions(self) -> Sequence[SessionInfo]:
        """Return the sessions that are open on the server. This needs an admin token.

        Raises:
            MillraceError: the call failed.
        """
        response = await self._bridge.run(
            self._connection.call_unary, LIST_SESSIONS, ListSessionsRequest(), ListSessionsResponse
        )
        return response.sessions

    async def kill_session(self, session_id: str, reason: str = "") -> None:
        """End a session. This needs an admin token.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = KillSessionRequest(session_id=session_id, reason=reason)
        await self._bridge.run(
            self._connection.call_unary, KILL_SESSION, request, KillSessionResponse
        )

    async def watch_items(
        self, session_id: str, nodes: Sequence[str] = ()
    ) -> AsyncGenerator[WatchItemsResponse, None]:
        """Yield what enters a session and what its nodes emit. This needs an admin token.

        Close the generator, for example by `contextlib.aclosing`.

        Args:
            session_id: the session.
            nodes: whose outputs are sent; none means all.

        Raises:
            MillraceError: the call failed, or no such session is open.
        """
        request = WatchItemsRequest(session_id=session_id, nodes=list(nodes))
        call = await self._bridge.run(self._connection.open_call, WATCH_ITEMS, WatchItemsResponse)
        try:
            message = call.encode(request)
            await self._bridge.run(partial(call.send, end=True), message)
            while (response := await self._bridge.run(call.receive)) is not None:
                yield response
        finally:
            call.close()


@asynccontextmanager
async def connect(
    address: str = DEFAULT_ADDRESS,
    *,
    token: str | None = None,
    tls: ssl.SSLContext | bool = False,
    max_message_bytes: int = _MOST_MESSAGE_BYTES,
    timeout_seconds: float = 10,
) -> AsyncIterator[RemoteRuntime]:
    """Connect to a server, for as long as the block lasts; under asyncio or trio.

    Args:
        address: "host:port"; an IPv6 host stands in brackets.
        token: a bearer token, for a server that wants one. Without TLS everybody on the way can
            read it.
        tls: True trusts whom this machine trusts; `client_tls` makes other contexts.
        max_message_bytes: the most that a message may have, either way.
        timeout_seconds: how long the server has to accept the connection.

    Raises:
        CallerError: the address or the token is not of its form.
        UnreachableError: nobody answers there.
    """
    try:
        where = ServerAddress.parse(address)
    except ConfigError as error:  # of an operator, for whom this form is made
        raise CallerError(f"the address: {error}") from error
    context = client_tls() if tls is True else tls or None
    if token is not None and not is_token(token):
        raise CallerError(TOKEN_RULE)
    metadata = {} if token is None else {AUTHORIZATION: authorization_value(token)}
    async with open_bridge() as bridge:

        async def make() -> Http2Connection:  # noqa: ASYNC124 (it needs asyncio)
            return Http2Connection(
                where,
                context,
                metadata,
                most_bytes=max_message_bytes,
                timeout_seconds=timeout_seconds,
            )

        connection = await bridge.run(make)
        try:
            await bridge.run(connection.connect)
            yield RemoteRuntime(connection, bridge)
        finally:
            await bridge.finish(connection.close)  # noqa: ASYNC102 (it shields itself)
