"""A snapshot as JSON values; docs/guides/operate.md documents the names."""

from collections.abc import Sequence
from typing import Any

from ...wire.operations import LinkInfo, SessionEnding, WorkerInfo
from .figures import NodeFigures, ServerPage, SessionFigures, SessionPage


def server_value(
    page: ServerPage, sessions: Sequence[SessionFigures], endings: Sequence[SessionEnding]
) -> dict[str, Any]:
    """Return the server, its sessions and what has ended."""
    server = page.server
    return {
        "time_ms": page.time_ms,
        "server": {
            "version": server.version,
            "started_ms": server.started_ms,
            "draining": server.draining,
            "drain_deadline_ms": server.drain_deadline_ms,
            "sessions": dict(server.sessions),
            "ended_sessions": dict(server.ended_sessions),
            "refused_sessions": server.refused_sessions,
            "waiting_sessions": server.waiting_sessions,
            "max_sessions": server.max_sessions,
            "processes": server.processes,
            "max_processes": server.max_processes,
            "cpu": _rounded(page.cpu),
            "memory_bytes": server.memory_bytes,
            "processes_memory_bytes": server.processes_memory_bytes,
            "shared_memory_bytes": server.shared_memory_bytes,
            "shared_memory_size_bytes": server.shared_memory_size_bytes,
            "shared_memory_free_bytes": server.shared_memory_free_bytes,
            "loop_lag_ms": _rounded(server.loop_lag_ms),
            "workers": list(map(_worker_value, server.workers)),
        },
        "sessions": list(map(session_value, sessions)),
        "omitted_sessions": page.omitted_sessions,
        "ended": list(map(ending_value, endings)),
    }


def _worker_value(worker: WorkerInfo) -> dict[str, Any]:
    return {
        "number": worker.number,
        "process_id": worker.process_id,
        "answers": worker.answers,
        "sessions": worker.sessions,
        "cpu_seconds": _rounded(worker.cpu_seconds),
        "memory_bytes": worker.memory_bytes,
        "loop_lag_ms": _rounded(worker.loop_lag_ms),
    }


def page_value(page: SessionPage) -> dict[str, Any]:
    """Return one session with its nodes and links."""
    return {
        **session_value(page.session),
        "nodes": list(map(_node_value, page.nodes)),
        "links": list(map(_link_value, page.session.message.links)),
        "ending": None if page.ending is None else ending_value(page.ending),
    }


def session_value(session: SessionFigures) -> dict[str, Any]:
    """Return a session without its nodes and links."""
    message = session.message
    return {
        "session_id": message.session_id,
        "pipeline": message.pipeline,
        "state": message.state,
        "peer": message.peer,
        "token_name": message.token_name,
        "opened_ms": message.opened_ms,
        "node_count": message.node_count,
        "process_count": message.process_count,
        "items_in": message.items_in,
        "items_out": message.items_out,
        "bytes_in": message.bytes_in,
        "bytes_out": message.bytes_out,
        "in_per_second": _rounded(session.in_rate),
        "out_per_second": _rounded(session.out_rate),
        "waiting_items": message.waiting_items,
        "fullest_link": _rounded(message.fullest_link),
        "dropped_items": message.dropped_items,
        "copies": message.copies,
        "copied_bytes": message.copied_bytes,
        "cpu": _rounded(session.cpu),
        "memory_bytes": message.memory_bytes,
        "slowest_node": message.slowest_node,
        "slowest_busy": _rounded(message.slowest_busy),
    }


def ending_value(ending: SessionEnding) -> dict[str, Any]:
    """Return a session that has ended."""
    return {
        "session_id": ending.session_id,
        "pipeline": ending.pipeline,
        "peer": ending.peer,
        "token_name": ending.token_name,
        "opened_ms": ending.opened_ms,
        "ended_ms": ending.ended_ms,
        "outcome": ending.outcome,
        "reason": ending.reason,
        "node_id": ending.node_id,
        "error": ending.error,
        "detail": ending.detail,
        "items_in": ending.items_in,
        "items_out": ending.items_out,
        "dropped_items": ending.dropped_items,
        "bytes_in": ending.bytes_in,
        "bytes_out": ending.bytes_out,
        "peak_memory_bytes": ending.peak_memory_bytes,
    }


def _node_value(node: NodeFigures) -> dict[str, Any]:
    message = node.message
    return {
        "node_id": message.node_id,
        "node_type": message.node_type,
        "executor": message.executor,
        "process_id": message.process_id,
        "state": message.state,
        "items_in": message.items_in,
        "items_out": message.items_out,
        "in_per_second": _rounded(node.in_rate),
        "out_per_second": _rounded(node.out_rate),
        "p50_ms": _rounded(message.recent_p50_ms),
        "p99_ms": _rounded(message.recent_p99_ms),
        "busy": _rounded(message.busy),
        "dropped_items": message.dropped_items,
        "cancelled_items": message.cancelled_items,
        "copies": message.copies,
        "copied_bytes": message.copied_bytes,
        "cpu": _rounded(node.cpu) if message.process_id else None,
        "memory_bytes": message.memory_bytes,
    }


def _link_value(link: LinkInfo) -> dict[str, Any]:
    return {
        "producer": link.producer,
        "reader": link.reader,
        "waiting_items": link.waiting_items,
        "credits": link.credits,
        "capacity": link.capacity,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
