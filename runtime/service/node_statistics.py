"""The statistics of a session's nodes as a JSON value."""

from typing import Any

from ..execution import NodeStatistics
from ..session import Session


def statistics_value(session: Session) -> dict[str, Any]:
    """Return the statistics of every node, times in milliseconds."""
    nodes = {node_id: node_value(node) for node_id, node in session.statistics().items()}
    return {
        "session_id": session.id,
        "state": session.state.value,
        "waiting_items": session.waiting(),
        "dropped_items": session.dropped(),
        "nodes": nodes,
    }


def node_value(node: NodeStatistics) -> dict[str, Any]:
    """Return the statistics of one node, times in milliseconds."""
    processing = node.processing
    return {
        "items_in": node.items_in,
        "items_out": node.items_out,
        "initialize_ms": round(1000 * node.initialize_seconds, 3),
        "p50_ms": round(1000 * processing.quantile(0.5), 3),
        "p99_ms": round(1000 * processing.quantile(0.99), 3),
        "cpu_ms": round(1000 * node.cpu_seconds, 3),
        "memory_bytes": node.memory_bytes,
        "copies": node.received.copies + node.sent.copies,
        "copied_bytes": node.received.copied_bytes + node.sent.copied_bytes,
        "shared_bytes": node.received.shared_bytes + node.sent.shared_bytes,
        "dropped": node.sent.dropped,
        "loop_holds": node.loop_holds,
    }
