"""StreamPipeline: one stream is one session."""

from typing import Final

import trio
from grpclib.const import Status

from ..errors import MillraceError
from ..recording import archived
from ..session import EndReason, Runtime
from ..wire import StreamInit, StreamRequest, StreamResponse
from ..wire.conversion import error_message, limits_of
from .authentication import Authentication, token_digest
from .call_errors import (
    SHUTTING_DOWN,
    CallError,
    RequestError,
    error_in_band,
    progress_of_failure,
)
from .moved_state import StateSeals, check_resumable
from .planning import plan_of
from .server_state import ServerState
from .stream_run import StreamCall, StreamRun

# The headers of an answer are sent with its first message, so that gRPC tries a refused session at
# another server. Some clients, such as tonic's, send nothing before they have the headers.
_HEADERS_SECONDS: Final = 0.1


class StreamingService:
    """Answers StreamPipeline."""

    def __init__(
        self,
        runtime: Runtime,
        server_state: ServerState,
        authentication: Authentication,
        seals: StateSeals,
    ) -> None:
        self._seals = seals
        self._runtime = runtime
        self._server_state = server_state
        self._authentication = authentication

    async def stream_pipeline(self, call: StreamCall) -> None:
        """Run a session as long as the client's stream is open.

        An error is sent in the stream, which then ends with status OK.

        Raises:
            CallError: RESOURCE_EXHAUSTED: there is no room for a session now. UNAVAILABLE: the
                server shuts down. Or a request is not a message of the contract.
        """
        self._server_state.check_accepting()
        run: StreamRun | None = None

        def why_ended(reason: EndReason) -> EndReason:
            if run is not None and (known := run.why_ended()) is not None:
                return known
            return self._server_state.why_left(call, reason)

        try:
            init = await _receive_init(call)
            if init.manifest is None:
                raise RequestError("init has no manifest; set the manifest of the pipeline to run")
            name = self._authentication.token_name(call.authorization)
            plan = await plan_of(self._runtime, init.manifest, peer=call.peer, token_name=name)
            if init.resumes:
                check_resumable(init, plan, self._seals)
            async with (
                self._runtime.open_session(
                    plan,
                    resource_limits=limits_of(init.resource_limits),
                    peer=call.peer,
                    owner=token_digest(call.authorization),
                    token_name=name,
                    why_ended=why_ended,
                    traceparent=call.traceparent,
                ) as session,
                archived(session, self._runtime.config.recording),
            ):
                run = StreamRun(call, session, init, self._server_state, self._seals)
                await run.run()
            await run.send_closed()
        except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001 (sent to the client)
            # The error is kept in no variable: it refers to this frame, which would be a cycle.
            responses = _failure_responses(
                error_in_band(failure, is_draining=self._server_state.draining.is_set()),
                run,
                traces=self._server_state.traces,
            )
            await call.send(*responses)  # noqa: ASYNC120 (a cancelled call has nobody to tell)
            if self._server_state.stopping.is_set():
                raise CallError(Status.UNAVAILABLE, SHUTTING_DOWN) from None


def _failure_responses(
    error: MillraceError, run: StreamRun | None, *, traces: bool
) -> list[StreamResponse]:
    responses = [] if run is None else run.pending_ready()
    if error.node_id and (run is None or not run.is_ready):
        responses.append(StreamResponse(init_progress=progress_of_failure(error)))
    responses.append(StreamResponse(error=error_message(error, traces=traces)))
    return responses


def _is_empty(request: StreamRequest) -> bool:
    """Return whether a request has no known member set: a newer contract may have more."""
    members = request.init, request.data_chunk, request.audio_chunk, request.control
    return all(member is None for member in members)


async def _receive_init(call: StreamCall) -> StreamInit:
    request: StreamRequest | None = None
    with trio.move_on_after(_HEADERS_SECONDS) as waiting:
        request = await call.receive()
    if waiting.cancelled_caught:
        call.send_headers()
        request = await call.receive()
    while request is not None and _is_empty(request):
        request = await call.receive()
    if request is None:
        raise RequestError("the stream ended before its first message; send init first")
    if request.init is None:
        raise RequestError("the first message must be init, with a manifest")
    if not request.init.client_version:
        raise RequestError("init.client_version is empty; set it to any text")
    return request.init
