"""The lines about the server and about one session, at the top of the screen."""

import time
from collections.abc import Mapping, Sequence

from rich.text import Text

from ...errors import printable
from ...wire.operations import WorkerInfo
from .figures import ServerPage, SessionFigures
from .rows import cut
from .units import bytes_text, count_text, duration_text, percent_text, rate_text


def server_lines(page: ServerPage | None, address: str, width: int) -> list[Text]:
    """Return three lines about the server."""
    if page is None:
        return [Text(f"millrace at {address}", "bold"), Text("waiting for the server"), Text()]
    server = page.server
    up = duration_text((page.time_ms - server.started_ms) / 1000)
    clock = time.strftime("%H:%M:%S", time.localtime(page.time_ms / 1000))
    left = f"millrace {printable(server.version)} at {address}"
    right = f"up {up}  {clock}"
    blanks = " " * max(1, width - len(left) - len(right))
    first = Text.assemble((cut(left, width - len(right) - 1), "bold"), blanks, right)
    opened = sum(server.sessions.values())
    ended = sum(server.ended_sessions.values())
    waiting = server.waiting_sessions
    second = _parts(
        width,
        *([("draining", _time_left(page), "yellow", "")] if server.draining else []),
        *_workers(server.workers),
        ("sessions", f"{opened}/{server.max_sessions}", "", _counts(server.sessions)),
        ("ended", f"{ended}", "", _counts(server.ended_sessions)),
        ("refused", f"{server.refused_sessions}", "red" if server.refused_sessions else "", ""),
        *([("waiting for room", f"{waiting}", "yellow", "")] if waiting else []),
    )
    shm = bytes_text(server.shared_memory_bytes)
    third = _parts(
        width,
        ("cpu", percent_text(page.cpu), "", ""),
        ("memory", bytes_text(server.memory_bytes), "", ""),
        ("loop lag", f"{server.loop_lag_ms:.1f}ms", "red" if server.loop_lag_ms > 100 else "", ""),
        (
            "processes",
            f"{server.processes}/{server.max_processes}",
            "",
            bytes_text(server.processes_memory_bytes) if server.processes else "",
        ),
        (
            "shm",
            f"{shm}/{bytes_text(server.shared_memory_size_bytes)}",
            "",
            f"{bytes_text(server.shared_memory_free_bytes)} free",
        ),
    )
    return [first, second, third]


def session_lines(session: SessionFigures, width: int) -> list[Text]:
    """Return three lines about a session."""
    client = f" from {session.client}" if session.client else ""
    return [
        Text.assemble(
            (cut(session.pipeline, max(10, width - 40)), "bold"),
            f"  {session.state}{client}",
        ),
        Text.assemble(("session ", "dim"), session.session_id),
        _parts(
            width,
            ("age", duration_text(session.age_seconds), "", ""),
            ("in", f"{rate_text(session.in_rate)}/s", "", _bytes_rate(session.in_bytes_rate)),
            ("out", f"{rate_text(session.out_rate)}/s", "", _bytes_rate(session.out_bytes_rate)),
            ("waiting", count_text(session.waiting), "", ""),
            ("dropped", count_text(session.dropped), "red" if session.dropped else "", ""),
            ("memory", bytes_text(session.memory_bytes), "", f"{session.processes} processes"),
        ),
    ]


def _workers(workers: Sequence[WorkerInfo]) -> list[tuple[str, str, str, str]]:
    """Return the part about the workers; none for a server that is one process."""
    if not workers:
        return []
    missing = [str(worker.number) for worker in workers if not worker.answers]
    if missing:
        silent = f"no answer: {', '.join(missing)}; their sessions are not shown"
        return [("workers", f"{len(workers) - len(missing)}/{len(workers)}, {silent}", "red", "")]
    shares = " ".join(f"{worker.number}: {worker.sessions}" for worker in workers)
    return [("workers", f"{len(workers)}", "", shares)]


def _time_left(page: ServerPage) -> str:
    deadline_ms = page.server.drain_deadline_ms
    if not deadline_ms:
        return "until all have ended"
    return f"{duration_text(max(0, deadline_ms - page.time_ms) / 1000)} left"


def _bytes_rate(per_second: float | None) -> str:
    return f"{bytes_text(per_second)}/s" if per_second else ""


def _counts(counts: Mapping[str, int]) -> str:
    return " ".join(f"{printable(name)} {count}" for name, count in sorted(counts.items()))


def _parts(width: int, *parts: tuple[str, str, str, str]) -> Text:
    """Return names with values on one line; what is in brackets is left out where it is too long.

    Args:
        width: of the screen.
        parts: each with a name, a value, the value's style, and what is in brackets.
    """
    for shown in range(len(parts), -1, -1):
        line = Text(no_wrap=True)
        for index, (name, value, style, more) in enumerate(parts):
            line.append("  " if line else "").append(f"{name} ", "dim").append(value, style or None)
            if more and index < shown:
                line.append(f" ({more})")
        if line.cell_len <= width:
            break
    line.truncate(width)
    return line
