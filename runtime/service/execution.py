"""ExecutePipeline: a run with one request and one response. And GetVersion."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import trio
from grpclib.const import Status

from ..errors import InputError, LimitError, MillraceError, ShutdownError
from ..plan import Plan
from ..recording import archived
from ..session import Runtime, Session
from ..wire import (
    PROTOCOL_VERSION,
    ExecuteRequest,
    ExecuteResponse,
    ExecutionResult,
    ExecutionStatus,
    NodeResult,
    NodeStatus,
    VersionInfo,
    VersionRequest,
    VersionResponse,
)
from ..wire.conversion import buffer_of, error_message, items_of, limits_of
from .authentication import Authentication, token_digest
from .call_errors import SHUTTING_DOWN, CallError, error_in_band
from .inputs import send_inputs
from .outputs import RunOutputs
from .planning import plan_of
from .server_call import ServerCall
from .server_state import ServerState
from .session_metrics import SessionMetrics

_SHOWN_CHARACTERS: Final = 40
_MAJOR: Final = re.compile(r"v?(\d+)(?:\.\d+)*(?:[-+.].*)?")


class ExecutionService:
    """Answers ExecutePipeline and GetVersion."""

    def __init__(
        self, runtime: Runtime, server_state: ServerState, authentication: Authentication
    ) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._authentication = authentication
        # Read once: for a call there may be no file descriptor left.
        self._runtime_version = version("millrace-runtime")
        self._build_timestamp = _build_timestamp()

    async def execute_pipeline(self, call: ServerCall[ExecuteRequest, ExecuteResponse]) -> None:
        """Run a pipeline on the inputs of the request.

        Raises:
            CallError: RESOURCE_EXHAUSTED: there is no room for a session now. UNAVAILABLE: the
                server shuts down. Or the request is not a message of the contract.
        """
        try:
            request = await call.receive()
        except LimitError as error:
            await call.send(self._failure(error))
            return
        self._server_state.check_accepting()
        if request is None or request.manifest is None:
            raise CallError(Status.INVALID_ARGUMENT, "the request has no manifest")
        try:
            response = ExecuteResponse(result=await self._execute(request, call))
        except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001 (sent to the client)
            if self._server_state.stopping.is_set():
                raise CallError(Status.UNAVAILABLE, SHUTTING_DOWN) from None
            is_draining = self._server_state.draining.is_set()
            response = self._failure(error_in_band(failure, is_draining=is_draining))
        try:
            await call.send(response)
        except MillraceError as error:  # the result is longer than a message may be
            await call.send(self._failure(error))

    async def get_version(self, call: ServerCall[VersionRequest, VersionResponse]) -> None:
        """Return the versions and node types of this server."""
        request = await call.receive()
        if request is None:
            raise CallError(Status.INVALID_ARGUMENT, "the request has no message")
        why_not = incompatibility(request.client_version)
        info = VersionInfo(
            protocol_version=PROTOCOL_VERSION,
            runtime_version=self._runtime_version,
            supported_node_types=sorted(
                name for each in self._runtime.catalogue for name in (each.name, *each.aliases)
            ),
            supported_protocols=[PROTOCOL_VERSION],
            build_timestamp=self._build_timestamp,
        )
        await call.send(
            VersionResponse(
                version_info=info,
                compatible=not why_not,
                compatibility_message=why_not
                or f"this server supports remotemedia.{PROTOCOL_VERSION}",
            )
        )

    async def _execute(
        self, request: ExecuteRequest, call: ServerCall[ExecuteRequest, ExecuteResponse]
    ) -> ExecutionResult:
        assert request.manifest is not None
        name = self._authentication.token_name(call.authorization)
        plan = await plan_of(self._runtime, request.manifest, peer=call.peer, token_name=name)
        _check_inputs(plan, request)
        limits = limits_of(request.resource_limits)
        metrics = SessionMetrics(self._server_state.peak_memory)
        outputs = RunOutputs(self._runtime.config.limits.max_message_bytes)
        async with (
            self._runtime.open_session(
                plan,
                resource_limits=limits,
                peer=call.peer,
                owner=token_digest(call.authorization),
                token_name=name,
                why_ended=partial(self._server_state.why_left, call),
                traceparent=call.traceparent,
            ) as session,
            archived(session, self._runtime.config.recording),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._stop_with_server)
            nursery.start_soon(_feed, session, request, metrics)
            async for result in session:
                metrics.count_out(result)
                outputs.add(result.node_id, items_of(result.data))
            nursery.cancel_scope.cancel()
        began = time.perf_counter()
        buffers = {name: buffer_of(data) for name, data in outputs.named().items()}
        metrics.converted_out(began)
        return ExecutionResult(
            data_outputs=buffers,
            metrics=metrics.execution_metrics(session),
            node_results=list(_node_results(session)),
            status=ExecutionStatus.SUCCESS,
        )

    async def _stop_with_server(self) -> None:
        await self._server_state.stopping.wait()
        raise ShutdownError("the server is shutting down; it ended this run")

    def _failure(self, error: MillraceError) -> ExecuteResponse:
        return ExecuteResponse(error=error_message(error, traces=self._server_state.traces))


def _check_inputs(plan: Plan, request: ExecuteRequest) -> None:
    """Refuse a run without inputs, unless no source node takes any."""
    sources = [node for node in plan.nodes if not node.inputs]
    if not request.data_inputs and any(node.accepts.kinds for node in sources):
        names = ", ".join(repr(str(node.node_id)) for node in sources if node.accepts.kinds)
        raise InputError(f"data_inputs is empty; give an item to the source nodes: {names}")


async def _feed(session: Session, request: ExecuteRequest, metrics: SessionMetrics) -> None:
    await send_inputs(session, request.data_inputs, metrics)
    await session.close_input()


def _node_results(session: Session) -> Iterable[NodeResult]:
    for node_id, node in session.statistics().items():
        yield NodeResult(
            node_id=node_id,
            status=NodeStatus.SUCCESS if node.items_in or node.items_out else NodeStatus.SKIPPED,
        )


def incompatibility(client_version: str) -> str:
    """Return why this server cannot serve a client of that version; empty if it can.

    The contract's major version is 1. A text that is no version is compatible.

    >>> incompatibility("v1"), incompatibility("0.4.2"), incompatibility("my client")
    ('', '', '')
    >>> incompatibility("v2")
    'the client has version v2; this server supports remotemedia.v1 only'
    """
    shown = client_version.strip()[:_SHOWN_CHARACTERS]
    found = _MAJOR.fullmatch(shown)
    if found is None or int(found[1]) <= 1:
        return ""
    return (
        f"the client has version {shown}; this server supports remotemedia.{PROTOCOL_VERSION} only"
    )


def _build_timestamp() -> str:
    written = Path(__file__).stat().st_mtime
    return datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
