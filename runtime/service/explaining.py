"""Explains the latency of a running session to an operator, who watches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio
from grpclib.const import Status

from ..latency import LatencySummary, QuantileLatency, ResultLatency, Stay
from ..session import Runtime
from ..wire.operations import (
    ExplainSessionRequest,
    ExplainSessionResponse,
    LatencyQuantile,
    LatencyStay,
)
from ..wire.operations import LatencySummary as SummaryMessage
from ..wire.operations import ResultLatency as ResultMessage
from .call_errors import CallError, session_not_found
from .operator_call import OperatorCall
from .server_state import ServerState
from .session_messages import ending_message
from .watching import interval_seconds

# An operator's own tools. A summary of 8000 results takes 8 ms of processor time (2026-11-27).
_MOST_CALLS: Final = 8
# Node processes are asked for their statistics so long before: see `WatchingService`.
_LEAD_SECONDS: Final = 0.1


class ExplainingService:
    """Answers ExplainSession. The session is followed as long as there is a call."""

    def __init__(self, runtime: Runtime, server_state: ServerState) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._calls = 0

    async def explain_session(
        self, call: OperatorCall[ExplainSessionRequest, ExplainSessionResponse]
    ) -> None:
        """Send summaries of a session's latency until it ends.

        Raises:
            CallError: no such session is open, the interval is out of bounds, or there are too
                many calls.
        """
        request = await call.receive() or ExplainSessionRequest()
        seconds = interval_seconds(request.interval_ms)
        session = self._runtime.sessions.get(request.session_id)
        if session is None:
            raise session_not_found(request.session_id, self._runtime)
        with self._counted():
            async with (
                self._server_state.cancelled_at_stop(),
                session.explained(all_chunks=request.all_chunks) as latency,
            ):
                await call.send(_response(await latency.summary()))
                while True:
                    await _wait(session.ended, seconds - _LEAD_SECONDS)
                    session.refresh_statistics()
                    await _wait(session.ended, _LEAD_SECONDS)
                    has_ended = session.ended.is_set()
                    response = _response(await latency.summary(is_last=has_ended))
                    if has_ended and (ending := self._runtime.endings.find(session.id)):
                        response.ending = ending_message(ending)
                    await call.send(response)
                    if has_ended:
                        return

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._calls >= _MOST_CALLS:
            raise CallError(
                Status.RESOURCE_EXHAUSTED,
                f"{_MOST_CALLS} calls of ExplainSession run already; end one",
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1


async def _wait(ended: trio.Event, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await ended.wait()


def _response(summary: LatencySummary) -> ExplainSessionResponse:
    return ExplainSessionResponse(
        time_ms=round(1000 * time.time()),
        latency=SummaryMessage(
            results=summary.results,
            incomplete=summary.incomplete,
            chunk_interval=summary.interval,
            quantiles=list(map(_quantile, summary.quantiles)),
            typical=list(map(_result, summary.typical)),
            slowest=list(map(_result, summary.slowest)),
        ),
    )


def _quantile(quantile: QuantileLatency) -> LatencyQuantile:
    return LatencyQuantile(
        quantile=quantile.quantile,
        results=quantile.results,
        total_ns=quantile.total_ns,
        stays=list(map(_stay, quantile.stays)),
        owner=quantile.owner,
        part=quantile.part.value,
        diagnosis=quantile.diagnosis,
    )


def _result(result: ResultLatency) -> ResultMessage:
    return ResultMessage(
        node_id=result.node_id,
        sequence=result.sequence,
        entered_ns=result.entered_ns,
        total_ns=result.total_ns,
        stays=list(map(_stay, result.stays)),
    )


def _stay(stay: Stay) -> LatencyStay:
    return LatencyStay(
        node_id=stay.node_id,
        queue_ns=stay.queue,
        wire_ns=stay.wire,
        hold_ns=stay.hold,
        process_ns=stay.process,
        send_ns=stay.send,
    )
