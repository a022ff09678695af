"""The sessions of a server as rows."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows

if TYPE_CHECKING:
    from ...wire.operations import SessionInfo


def print_sessions(console: Console, sessions: "Sequence[SessionInfo]") -> None:
    """Print a row for each session, the oldest first."""
    if not sessions:
        console.print("no session is open")
        return
    columns = (
        Column("session"),
        Column("state"),
        Column("age", justify="right"),
        Column("items", justify="right"),
        Column("waiting", justify="right"),
        Column("dropped", justify="right"),
    )
    print_rows(console, columns, "pipeline, client, nodes", list(map(_row, sessions)))


def _row(session: "SessionInfo") -> tuple[Text, ...]:
    age = max(time.time() - session.opened_ms / 1000, 0)
    nodes = ", ".join(
        node.node_id if node.state == "enabled" else f"{node.node_id} ({node.state})"
        for node in session.nodes
    )
    client = f" from {session.peer}" if session.peer else ""
    return (
        Text(session.session_id, "bold"),
        Text(session.state, "red" if session.state == "error" else ""),
        Text(_duration(age)),
        Text(str(max((node.items_in for node in session.nodes), default=0))),
        Text(str(session.waiting_items)),
        Text(str(session.dropped_items)),
        Text(f"{session.pipeline}{client}: {nodes}"),
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}"
