"""Snapshots of sessions as JSON, from the messages that millrace.v1.Operations sends, too."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from typing import Any, Final

import msgspec
import trio

from ..metrics import SessionFigures
from ..service import (
    RecentQuantiles,
    RecentWork,
    ending_message,
    link_message,
    node_message,
    session_message,
)
from ..session import NumberedEnding, Runtime, Session

MOST_SESSIONS: Final = 1000
"""That are listed, the oldest ones."""

# Others have a turn after so many sessions.
_SLICE: Final = 10
_MOST_ENDINGS: Final = 200


class Snapshots:
    """Makes snapshots of a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._version = version("millrace-runtime")
        self._work = RecentWork()

    async def sessions(self) -> dict[str, Any]:
        """Return the open sessions, the oldest first, and the server."""
        found = list(self._runtime.sessions.values())
        shown = sorted(found, key=lambda each: each.opened_at)[:MOST_SESSIONS]
        counts = self._runtime.metrics.session_counts()
        self._work.begin(time.monotonic())
        read: list[SessionFigures] = []
        sessions: list[dict[str, Any]] = []
        for number, session in enumerate(shown):
            if number % _SLICE == _SLICE - 1:
                await trio.lowlevel.checkpoint()
            figures = session.figures()
            read.append(figures)
            message = session_message(session, figures)
            self._work.add(figures, message)
            sessions.append(_plain(message))
        usage = await self._runtime.metrics.usage(read, with_processes=False)
        return {
            "type": "sessions",
            **self._times(),
            "sessions": sessions,
            "omitted": len(found) - len(shown),
            "server": {
                "version": self._version,
                "states": Counter(session.state.value for session in found),
                "ended": counts.ended,
                "refused": sum(counts.refused.values()),
                "waiting": counts.capacity.waiting,
                "processes": counts.capacity.processes,
                "max_sessions": counts.capacity.most_sessions,
                "max_processes": counts.capacity.most_processes,
                "cpu_seconds": usage.cpu_seconds,
                "memory_bytes": usage.server.resident,
                "shared_memory_bytes": usage.shared_memory_bytes,
                "shared_memory_size_bytes": usage.shared_memory_size_bytes,
                "shared_memory_free_bytes": usage.shared_memory_free_bytes,
            },
        }

    def of_session(self, session: Session) -> Callable[[], Awaitable[str]]:
        """Return what makes a snapshot of a session; each compares with the one before."""
        work, quantiles = RecentWork(), RecentQuantiles()

        async def make() -> str:
            usage = await self._runtime.metrics.usage([session.figures()])
            figures = session.figures()
            work.begin(time.monotonic())
            message = session_message(session, figures, usage.processes)
            busy = work.add(figures, message)
            nodes: list[dict[str, Any]] = []
            for node in figures.nodes:
                node_info = node_message(session, node, usage.processes)
                node_info.busy = busy[node.node_id]
                quantiles.set(node.statistics.processing, node_info)
                nodes.append(_plain(node_info))
            links = [_plain(link_message(session, link)) for link in figures.links]
            plain = {**_plain(message), "nodes": nodes, "links": links}
            return encoded(type="session", **self._times(), session=plain)

        return make

    def _times(self) -> dict[str, float | None]:
        """Return when a snapshot is made, and how the server shuts down, if it does."""
        drain = self._runtime.metrics.drain
        return {
            "time_ms": round(1000 * time.time()),
            "clock_seconds": time.monotonic(),
            "drain_deadline_ms": None if drain is None else drain.deadline_ms,
        }

    def ending(self, session_id: str) -> str:
        """Return how a session has ended; `ending` is null if that is not known any more."""
        found = self._runtime.endings.find(session_id)
        ending = None if found is None else _plain(ending_message(found))
        return encoded(type="ended", session_id=session_id, ending=ending)


def endings_text(endings: Iterable[NumberedEnding]) -> str:
    """Return sessions that have ended as JSON, at most the last 200."""
    last = list(endings)[-_MOST_ENDINGS:]
    return encoded(type="endings", endings=[_plain(ending_message(each)) for each in last])


def encoded(**members: Any) -> str:
    """Return an object as JSON."""
    try:
        return msgspec.json.encode(members).decode()
    except UnicodeEncodeError:  # a lone surrogate, as in a line that is not UTF-8
        return json.dumps(members, default=dict)


def _plain(message: Any) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
