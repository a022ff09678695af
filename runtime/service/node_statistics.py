"""The statistics of a session's nodes as a JSON value."""

from typing import Any

from ..session import Session


def statistics_value(session: Session) -> dict[str, Any]:
    """Return the statistics of every node, times in milliseconds."""
    nodes = {node_id: node.metrics() for node_id, node in session.statistics().items()}
    return {
        "session_id": session.id,
        "state": session.state.value,
        "waiting_items": session.waiting(),
        "dropped_items": session.dropped(),
        "nodes": nodes,
    }
