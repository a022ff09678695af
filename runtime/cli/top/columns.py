"""The columns of sessions, nodes and ended sessions."""

from collections.abc import Sequence
from typing import Final

from ...errors import printable
from ...wire.operations import SessionEnding
from .figures import NodeFigures, SessionFigures, client_text
from .rows import RowColumn
from .units import (
    bytes_text,
    count_text,
    duration_text,
    milliseconds_text,
    percent_text,
    rate_text,
)

_STATES: Final = {"error": "red", "initializing": "yellow", "terminating": "yellow"}
_OUTCOMES: Final = {"completed": "green", "failed": "red", "cancelled": "yellow"}
# Of a link: there is little room left; there is none left soon.
_HALF: Final = 0.5
_NEARLY_FULL: Final = 0.8
# The end of a session's id is random; its beginning is the same for all of a server.
_ID_CHARACTERS: Final = 8


def fill_style(fill: float) -> str:
    """Return the colour of a link that is filled so far."""
    if fill >= _NEARLY_FULL:
        return "red"
    return "yellow" if fill >= _HALF else ""


def busy_style(busy: float) -> str:
    """Return the colour of a node that works for this part of the time."""
    return "bold red" if busy >= _NEARLY_FULL else "bold"


def _number(value: float | None) -> float:
    return -1.0 if value is None else value


def _slowest(row: SessionFigures) -> tuple[str, str]:
    if not row.slowest_node:
        return "-", ""
    text = f"{percent_text(row.slowest_busy)} {row.slowest_node}"
    return text, fill_style(row.slowest_busy)


SESSION_COLUMNS: Final[Sequence[RowColumn[SessionFigures]]] = (
    RowColumn(
        "session",
        _ID_CHARACTERS,
        lambda row: (row.session_id[-_ID_CHARACTERS:], ""),
        lambda row: row.session_id,
        is_number=False,
        rank=3,
    ),
    RowColumn(
        "pipeline",
        16,
        lambda row: (row.pipeline, "bold"),
        lambda row: row.pipeline.casefold(),
        grows=True,
        is_number=False,
    ),
    RowColumn(
        "state",
        12,
        lambda row: (row.state, _STATES.get(row.state, "")),
        lambda row: row.state,
        is_number=False,
        rank=1,
    ),
    RowColumn("age", 7, lambda row: (duration_text(row.age_seconds), ""), lambda r: r.age_seconds),
    RowColumn("in/s", 6, lambda row: (rate_text(row.in_rate), ""), lambda r: _number(r.in_rate)),
    RowColumn("out/s", 6, lambda row: (rate_text(row.out_rate), ""), lambda r: _number(r.out_rate)),
    RowColumn(
        "fill",
        4,
        lambda row: (percent_text(row.fill), fill_style(row.fill)),
        lambda row: row.fill,
    ),
    RowColumn(
        "drops",
        5,
        lambda row: (count_text(row.dropped), "red" if row.drop_rate else ""),
        lambda row: row.dropped,
        rank=2,
    ),
    RowColumn(
        "copies/s",
        8,
        lambda r: (rate_text(r.copy_rate), ""),
        lambda r: _number(r.copy_rate),
        rank=8,
    ),
    RowColumn("cpu", 5, lambda row: (percent_text(row.cpu), ""), lambda r: _number(r.cpu), rank=5),
    RowColumn(
        "memory", 7, lambda r: (bytes_text(r.memory_bytes), ""), lambda r: r.memory_bytes, rank=4
    ),
    RowColumn("nodes", 5, lambda row: (f"{row.nodes}", ""), lambda row: row.nodes, rank=7),
    RowColumn(
        "slowest",
        12,
        _slowest,
        lambda row: row.slowest_busy,
        grows=True,
        is_number=False,
        rank=1,
    ),
    RowColumn(
        "client", 21, lambda row: (row.client, ""), lambda row: row.client, is_number=False, rank=6
    ),
)

SORT_NAMES: Final = tuple(column.name for column in SESSION_COLUMNS)
"""What sessions can be sorted by."""


def _node_name(row: NodeFigures) -> tuple[str, str]:
    state = "" if row.state == "enabled" else f" ({row.state})"
    mark = "▶ " if row.is_slowest else "  "
    return f"{mark}{row.node_id}{state}", "bold yellow" if row.is_slowest else ""


def _runs_in(row: NodeFigures) -> tuple[str, str]:
    return (f"pid {row.process_id}" if row.process_id else row.executor), ""


def _queue(row: NodeFigures) -> tuple[str, str]:
    if row.queue is None:
        return "-", ""
    return f"{row.queue.waiting}/{row.queue.capacity}", fill_style(row.queue.fill)


NODE_COLUMNS: Final[Sequence[RowColumn[NodeFigures]]] = (
    RowColumn("  node", 12, _node_name, grows=True, is_number=False),
    RowColumn("type", 14, lambda row: (row.node_type, ""), grows=True, is_number=False, rank=4),
    RowColumn("runs in", 11, _runs_in, is_number=False, rank=3),
    RowColumn("in/s", 5, lambda row: (rate_text(row.in_rate), "")),
    RowColumn("out/s", 5, lambda row: (rate_text(row.out_rate), "")),
    RowColumn("p50 ms", 6, lambda row: (milliseconds_text(row.p50_ms), "")),
    RowColumn("p99 ms", 6, lambda row: (milliseconds_text(row.p99_ms), "")),
    RowColumn(
        "busy",
        4,
        lambda row: (percent_text(row.busy), busy_style(row.busy) if row.is_slowest else ""),
    ),
    RowColumn("queue", 9, _queue),
    RowColumn(
        "credits",
        7,
        lambda row: ("-" if row.queue is None else f"{row.queue.credits}", ""),
        rank=6,
    ),
    RowColumn(
        "drops", 5, lambda row: (count_text(row.dropped), "red" if row.dropped else ""), rank=1
    ),
    RowColumn("copies/s", 8, lambda row: (rate_text(row.copy_rate), ""), rank=5),
    RowColumn("cpu", 4, lambda row: (percent_text(row.cpu) if row.process_id else "-", ""), rank=2),
    RowColumn("memory", 7, lambda row: (bytes_text(row.memory_bytes), ""), rank=2),
)


def ending_columns(now_ms: int) -> Sequence[RowColumn[SessionEnding]]:
    """Return the columns of ended sessions.

    Args:
        now_ms: the server's time, in milliseconds since 1970.
    """
    return (
        RowColumn("ended ago", 9, lambda row: (duration_text((now_ms - row.ended_ms) / 1000), "")),
        RowColumn(
            "pipeline",
            12,
            lambda row: (printable(row.pipeline), "bold"),
            grows=True,
            is_number=False,
        ),
        RowColumn(
            "reason",
            15,
            lambda row: (printable(row.reason), _OUTCOMES.get(row.outcome, "")),
            is_number=False,
        ),
        RowColumn("node", 10, lambda row: (printable(row.node_id) or "-", ""), is_number=False),
        RowColumn(
            "lasted", 7, lambda row: (duration_text((row.ended_ms - row.opened_ms) / 1000), "")
        ),
        RowColumn("in", 6, lambda row: (count_text(row.items_in), "")),
        RowColumn("out", 6, lambda row: (count_text(row.items_out), "")),
        RowColumn("drops", 5, lambda row: (count_text(row.dropped_items), "")),
        RowColumn(
            "session",
            _ID_CHARACTERS,
            lambda row: (printable(row.session_id)[-_ID_CHARACTERS:], ""),
            is_number=False,
            rank=3,
        ),
        RowColumn(
            "client",
            21,
            lambda row: (client_text(row.peer, row.token_name), ""),
            is_number=False,
            rank=4,
        ),
        RowColumn(
            "detail",
            20,
            lambda row: (printable(row.detail), ""),
            grows=True,
            is_number=False,
            rank=2,
        ),
    )
