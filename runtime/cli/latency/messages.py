"""Summaries of latency from the messages of a server."""

from collections.abc import Sequence

from ...latency import LatencySummary, Part, QuantileLatency, ResultLatency, Stay
from ...wire.operations import ExplainSessionResponse, LatencyStay
from ...wire.operations import LatencySummary as SummaryMessage
from ...wire.operations import ResultLatency as ResultMessage
from ..errors import CommandError


def summary_of(response: ExplainSessionResponse) -> LatencySummary:
    """Return the summary that a message carries.

    Raises:
        CommandError: it is of a server that names parts which this version does not know.
    """
    message = response.latency or SummaryMessage()
    return LatencySummary(
        message.results,
        message.incomplete,
        message.chunk_interval,
        tuple(
            QuantileLatency(
                each.quantile,
                each.results,
                each.total_ns,
                _stays(each.stays),
                each.owner,
                _part(each.part),
                each.diagnosis,
            )
            for each in message.quantiles
        ),
        tuple(map(_result, message.typical)),
        tuple(map(_result, message.slowest)),
    )


def _result(message: ResultMessage) -> ResultLatency:
    return ResultLatency(
        message.node_id,
        message.sequence,
        message.entered_ns,
        message.total_ns,
        _stays(message.stays),
    )


def _stays(messages: Sequence[LatencyStay]) -> tuple[Stay, ...]:
    return tuple(
        Stay(
            each.node_id,
            each.queue_ns,
            each.wire_ns,
            each.hold_ns,
            each.process_ns,
            each.send_ns,
        )
        for each in messages
    )


def _part(name: str) -> Part:
    try:
        return Part(name)
    except ValueError:
        raise CommandError(
            f"the server names a part {name!r}, which this version does not know"
        ) from None
