"""The runtime of a server, as long as a block is open."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final

from actors import Data

from ..config import DEFAULT_ADDRESS, TOKEN_RULE, ResourceLimits, is_token
from ..errors import CallerError, InputError, ServerError
from ..manifest import ManifestSource, read_manifest
from ..wire import (
    AUTHORIZATION,
    EXECUTE_PIPELINE,
    GET_VERSION,
    HEALTH_CHECK,
    PROTOCOL_VERSION,
    ExecuteRequest,
    ExecuteResponse,
    ExecutionMetrics,
    ExecutionStatus,
    Hello,
    NodeResult,
    StreamInit,
    StreamRequest,
    VersionRequest,
    VersionResponse,
    authorization_value,
)
from ..wire.codec import EncodeError
from ..wire.conversion import data_of, error_of, limits_message, manifest_message
from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .addresses import parsed_addresses
from .attach import RemoteAttach
from .bridge import Bridge, open_bridge
from .http2_connection import Http2Connection
from .items import Sendable, input_buffers
from .mover import Mover
from .operations import RemoteOperations
from .response_reader import OnTaken
from .servers import Servers
from .stream import RemoteStream
from .tls import client_tls

_MOST_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_UNLIMITED: Final = ResourceLimits()


@dataclass(frozen=True, slots=True)
class Execution:
    """The outcome of a run.

    Attributes:
        outputs: the output of each sink node, by its id. If a node has several items that cannot be
            joined, the further ones have the names `id#2`, `id#3` and so on.
        metrics: the measured cost of the run.
        node_results: the outcome of each node, by its id.
        status: SUCCESS, or PARTIAL_SUCCESS of a server that has it.
    """

    outputs: Mapping[str, Data]
    metrics: ExecutionMetrics
    node_results: Mapping[str, NodeResult]
    status: ExecutionStatus


class RemoteRuntime(RemoteOperations):
    """The runtime of a server, or of several. Calls and streams can run at the same time."""

    def __init__(self, servers: Servers, bridge: Bridge) -> None:
        self._servers = servers
        self._bridge = bridge

    @asynccontextmanager
    async def stream(
        self,
        manifest: ManifestSource,
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
        chunk_size: int = 0,
        on_taken: OnTaken | None = None,
        taken_interval: int = 1,
        traceparent: str | None = None,
    ) -> AsyncIterator[RemoteStream]:
        """Run a pipeline as long as the block is open.

        Leaving the block before the end of the stream cancels the pipeline. With several servers,
        the block begins when one has accepted the stream.

        Args:
            manifest: a Manifest, a dict with the keys of one, or the path of a JSON or YAML file.
            resource_limits: the limits of the session.
            chunk_size: the size of the chunks, in samples; 0 asks for a recommendation.
            on_taken: is called during `receive` with how many chunks the session has taken so far,
                and how many items it has dropped; never by an older server. A stream that moves
                calls it for its first server only.
            taken_interval: after how many chunks it is called, and at the end. Each call is a
                message of its own, and makes the round trip of its chunk 0.2 ms longer
                (2026-11-27).
            traceparent: the W3C header of that name, for the session's trace to join; servers that
                trace nothing ignore it.

        Raises:
            ManifestError: the manifest is not valid, here or at the server.
            MillraceError: the pipeline failed. The error has the class and the details of the
                server's error.
            LimitError: the server has no room for a session; of several, none has.
            UnreachableError: the connection is lost, or the server shuts down; of several, none
                accepts the stream.
        """
        checked = read_manifest(manifest)
        if not 1 <= taken_interval < 2**32:
            raise InputError(f"taken_interval must be from 1 to 2**32 - 1, got {taken_interval}")
        init = StreamInit(
            manifest=manifest_message(checked),
            resource_limits=limits_message(resource_limits),
            client_version=f"millrace {version('millrace-runtime')}",
            expected_chunk_size=chunk_size,
            takes_state=self._servers.are_several,
            reports_taken=0 if on_taken is None else taken_interval,
        )
        try:
            first = self._servers.encode(StreamRequest(init=init))
        except EncodeError as error:
            raise InputError(f"this cannot be sent: {error}") from error
        metadata = {} if traceparent is None else {"traceparent": traceparent}
        opened = await self._bridge.run(
            partial(self._servers.open_stream, first, metadata=metadata)
        )
        opened.responses.on_taken = on_taken
        if not self._servers.are_several:
            try:
                stream = RemoteStream(opened, checked, self._bridge)
                yield stream
                stream.raise_failure()
            finally:
                opened.call.close()
            return
        mover = Mover(self._servers, opened, init, metadata)
        try:
            await self._bridge.run(mover.start)
            stream = RemoteStream(opened, checked, self._bridge, mover)
            yield stream
            stream.raise_failure()
        finally:
            await self._bridge.finish(mover.close)  # noqa: ASYNC102 (it shields itself)

    async def execute(
        self,
        manifest: ManifestSource,
        inputs: Sendable | Mapping[str, Sendable],
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
    ) -> Execution:
        """Run a pipeline on all of its inputs, and return all of its outputs.

        Args:
            manifest: as for `stream`.
            inputs: the input of each node by its id, or one input for all source nodes.
            resource_limits: the limits of the session.

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
            self._servers.call_unary, EXECUTE_PIPELINE, request, ExecuteResponse
        )
        if response.error is not None:
            raise error_of(response.error)
        if response.result is None:
            raise ServerError("the server's response has neither a result nor an error")
        result = response.result
        try:
            outputs = {name: data_of(each, name) for name, each in result.data_outputs.items()}
        except InputError as error:
            raise ServerError(f"the server sent an invalid output: {error}") from error
        return Execution(
            outputs,
            result.metrics or ExecutionMetrics(),
            {each.node_id: each for each in result.node_results},
            ExecutionStatus(result.status),
        )

    async def version(self) -> VersionResponse:
        """Return the server's versions and node types, and whether it supports this client.

        Raises:
            MillraceError: the call failed.
        """
        request = VersionRequest(client_version=PROTOCOL_VERSION)
        return await self._bridge.run(
            self._servers.call_unary, GET_VERSION, request, VersionResponse
        )

    async def health(self, service: str = "") -> ServingStatus:
        """Return whether the server accepts calls. This needs no token.

        Args:
            service: the full name of a service; "" means the server as a whole.

        Raises:
            CallerError: the server has no such service.
            MillraceError: the call failed.
        """
        request = HealthCheckRequest(service=service)
        response = await self._bridge.run(
            self._servers.call_unary, HEALTH_CHECK, request, HealthCheckResponse
        )
        return ServingStatus(response.status)

    @asynccontextmanager
    async def attach(self, session_id: str, attach_id: str = "") -> AsyncIterator[RemoteAttach]:
        """Attach to a session as long as the block is open. The session continues after it.

        The first event is `attached`. With several servers, the block begins when the one that has
        the session was found.

        Raises:
            CallerError: of several servers, none has the session.
            MillraceError: the call failed.
        """
        hello = Hello(session_id=session_id, attach_id=attach_id)
        call, event = await self._bridge.run(self._servers.open_attach, hello)
        try:
            yield RemoteAttach(call, self._bridge, event)
        finally:
            call.close()


@asynccontextmanager
async def connect(
    address: str | Sequence[str] = DEFAULT_ADDRESS,
    *,
    token: str | None = None,
    tls: ssl.SSLContext | bool = False,
    max_message_bytes: int = _MOST_MESSAGE_BYTES,
    timeout_seconds: float = 10,
    peer_timeout_seconds: float | None = None,
) -> AsyncIterator[RemoteRuntime]:
    """Connect to a server, or several, as long as the block is open, under asyncio or trio.

    Of several servers, calls go by turns to those that answer and report that they are serving. A
    call that a server refuses before its first message, with UNAVAILABLE or RESOURCE_EXHAUSTED,
    goes to another one: five attempts, or as many as there are servers.

    Args:
        address: "host:port"; an IPv6 host is in brackets. Of several servers with the same node
            types: a sequence of addresses, or one text with commas between them.
        token: the bearer token, for a server that requires one. Without TLS, anybody on the network
            path can read it.
        tls: True trusts the certificate authorities of this machine; `client_tls` makes other
            contexts.
        max_message_bytes: the most bytes of a message, in both directions.
        timeout_seconds: the time that a server has to accept the connection.
        peer_timeout_seconds: the time after which a connection with open calls counts as lost if
            the server does not even answer pings; None means 80 s.

    Raises:
        CallerError: the form of an address or the token is not valid.
        UnreachableError: no server answers at any address.
    """
    addresses = parsed_addresses(address)
    context = client_tls() if tls is True else tls or None
    if token is not None and not is_token(token):
        raise CallerError(TOKEN_RULE)
    metadata = {} if token is None else {AUTHORIZATION: authorization_value(token)}
    async with open_bridge() as bridge:

        async def make() -> Servers:  # noqa: ASYNC124 (it needs asyncio)
            return Servers(
                [
                    Http2Connection(
                        each,
                        context,
                        metadata,
                        most_bytes=max_message_bytes,
                        timeout_seconds=timeout_seconds,
                        peer_timeout_seconds=peer_timeout_seconds,
                    )
                    for each in addresses
                ]
            )

        servers = await bridge.run(make)
        try:
            await bridge.run(servers.connect)
            yield RemoteRuntime(servers, bridge)
        finally:
            await bridge.finish(servers.close)  # noqa: ASYNC102 (it shields itself)
