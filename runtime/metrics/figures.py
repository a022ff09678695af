"""What sessions report to the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..execution import NodeStatistics


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node of a session.

    Attributes:
        process_id: of its process; None if it has none.
        statistics: so far; of a node process at most a second old while it changes.
    """

    node_id: str
    node_type: str
    executor: str
    process_id: int | None
    statistics: NodeStatistics


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One link of a session.

    Attributes:
        producer: the node, or "" for the session's input.
        reader: the node, or "" for the session's results.
        waiting: items on the link.
        credits: items that the producer may still put on it before it is full.
    """

    producer: str
    reader: str
    waiting: int
    credits: int


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """One session.

    Attributes:
        pipeline: the name in its manifest, as the client chose it.
        outcome: "completed", "failed" or "cancelled"; "" as long as it runs.
        segments: the beginning of the names of its files in /dev/shm.
        results_dropped: results that full links to its client have dropped.
        counts: of chunks in, results out, dropped items and bytes.
    """

    session_id: str
    pipeline: str
    state: str
    outcome: str
    nodes: tuple[NodeFigures, ...]
    links: tuple[LinkFigures, ...]
    segments: str
    results_dropped: int
    counts: Mapping[str, int]


class SessionSource(Protocol):
    """A session that is open."""

    def figures(self) -> SessionFigures:
        """Return its figures at this moment."""


@dataclass(frozen=True, slots=True)
class CapacityFigures:
    """What sessions hold of the server's limits.

    Attributes:
        processes: that they hold room for.
        waiting: sessions that wait for room.
        most_sessions, most_processes: the limits.
    """

    processes: int
    waiting: int
    most_sessions: int
    most_processes: int


@dataclass(frozen=True, slots=True)
class Drain:
    """A server that shuts down.

    Attributes:
        ends_at: when it ends the sessions that still run, in seconds since 1970; None: they may run
            to their end.
    """

    ends_at: float | None

    @property
    def deadline_ms(self) -> int:
        """That, in milliseconds, or 0."""
        return 0 if self.ends_at is None else max(1, round(1000 * self.ends_at))
