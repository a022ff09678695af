"""The statistics of a session's nodes as a JSON value."""

from typing import Any

from ..session import Session


def statistics_value(session: Session) -> dict[str, Any]:
    """Return the statistics of every node, times in milliseconds."""
    dropped_results = session.dropped_results()
    nodes: dict[str, dict[str, Any]] = {}
    for node_id, node in session.statistics().items():
        nodes[node_id] = dict(node.metrics())
        if node.dropped_from:
            nodes[node_id]["dropped_from"] = node.dropped_from
        if node_id in dropped_results:
            nodes[node_id]["dropped_results"] = dropped_results[node_id]
    return {
        "session_id": session.id,
        "state": session.state.value,
        "waiting_items": session.waiting(),
        "dropped_items": session.dropped(),
        "nodes": nodes,
    }
