"""Sessions as messages of millrace.v1.Operations."""

from collections.abc import Mapping
from typing import Final

from ..metrics import LinkFigures, NodeFigures, ProcessUsage, SessionFigures
from ..session import NumberedEnding, Session
from ..wire.operations import LinkInfo, NodeInfo, SessionEnding, SessionInfo

Usage = Mapping[int, ProcessUsage]
"""The memory of processes, by process id."""

_NO_USAGE: Final[Usage] = {}
_NOTHING: Final = ProcessUsage()


def session_message(
    session: Session, figures: SessionFigures, usage: Usage = _NO_USAGE
) -> SessionInfo:
    """Return a session without its nodes and links.

    Args:
        session: the session.
        figures: of the session, read just now.
        usage: the memory of its processes.
    """
    counts = figures.counts
    nodes = [node.statistics for node in figures.nodes]
    ends = [end for node in nodes for end in (node.received, node.sent)]
    memory = [
        usage.get(node.process_id, _NOTHING).resident
        for node in figures.nodes
        if node.process_id is not None
    ]
    return SessionInfo(
        session_id=session.id,
        pipeline=figures.pipeline,
        state=figures.state,
        peer=session.peer,
        token_name=session.token_name,
        opened_ms=round(1000 * session.opened_at),
        waiting_items=sum(link.waiting for link in figures.links),
        dropped_items=counts["dropped"],
        node_count=len(figures.nodes),
        process_count=sum(node.process_id is not None for node in figures.nodes),
        items_in=counts["items_in"],
        items_out=counts["items_out"],
        bytes_in=counts["bytes_in"],
        bytes_out=counts["bytes_out"],
        fullest_link=max(map(_filled, figures.links), default=0.0),
        copies=sum(end.copies for end in ends),
        copied_bytes=sum(end.copied_bytes for end in ends),
        cpu_seconds=sum(node.cpu_seconds for node in nodes),
        memory_bytes=sum(memory),
    )


def node_message(session: Session, node: NodeFigures, usage: Usage = _NO_USAGE) -> NodeInfo:
    """Return a node."""
    statistics = node.statistics
    received, sent = statistics.received, statistics.sent
    memory = _NOTHING if node.process_id is None else usage.get(node.process_id, _NOTHING)
    return NodeInfo(
        node_id=node.node_id,
        node_type=node.node_type,
        executor=node.executor,
        process_id=node.process_id or 0,
        state=session.bus.state_of(node.node_id).value,
        items_in=statistics.items_in,
        items_out=statistics.items_out,
        p50_ms=1000 * statistics.processing.quantile(0.5),
        p99_ms=1000 * statistics.processing.quantile(0.99),
        processing_seconds=statistics.processing.total_seconds,
        waiting_seconds=statistics.waiting_seconds,
        sending_seconds=statistics.sending_seconds,
        dropped_items=received.dropped,
        cancelled_items=statistics.cancelled,
        copies=received.copies + sent.copies,
        copied_bytes=received.copied_bytes + sent.copied_bytes,
        cpu_seconds=statistics.cpu_seconds,
        memory_bytes=memory.resident,
    )


def link_message(session: Session, link: LinkFigures) -> LinkInfo:
    """Return a link."""
    return LinkInfo(
        producer=link.producer,
        reader=link.reader,
        waiting_items=link.waiting,
        credits=link.credits,
        capacity=session.plan.settings.values.channel_capacity,
    )


def ending_message(ending: NumberedEnding) -> SessionEnding:
    """Return a session that has ended."""
    session = ending.session
    return SessionEnding(
        number=ending.number,
        session_id=session.session_id,
        pipeline=session.pipeline,
        peer=session.peer,
        token_name=session.token_name,
        opened_ms=round(1000 * session.opened_at),
        ended_ms=round(1000 * session.ended_at),
        outcome=session.ending.outcome,
        reason=session.ending.reason.value,
        node_id=session.ending.node_id,
        error=session.ending.error,
        detail=session.ending.detail,
        items_in=session.items_in,
        items_out=session.items_out,
        dropped_items=session.dropped,
        bytes_in=session.bytes_in,
        bytes_out=session.bytes_out,
        peak_memory_bytes=session.peak_memory_bytes,
    )


def _filled(link: LinkFigures) -> float:
    """Return how full a link is, from 0 to 1."""
    room = link.waiting + link.credits
    return link.waiting / room if room else 0.0
