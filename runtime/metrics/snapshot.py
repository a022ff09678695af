"""Everything that the registry knows, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..execution import Histogram, NodeStatistics
from .figures import CapacityFigures
from .labels import LinkLabels, NodeLabels
from .machine_usage import MachineUsage, ProcessUsage


@dataclass(frozen=True, slots=True)
class LinkTotals:
    """The links of all open sessions with the same labels, together.

    Attributes:
        waiting: items on the links.
        credits: items that their producers may still put on them.
    """

    waiting: int
    credits: int


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """What became of the sessions of a server: see `Snapshot` for the fields."""

    ended: Mapping[str, int]
    refused: Mapping[str, int]
    capacity: CapacityFigures


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the server has done since its start, and what it does now.

    Attributes:
        nodes: sums over all nodes with the same labels, of sessions that have ended too.
        running: how many of them run.
        processes: the memory of their processes.
        links: of the open sessions.
        sessions: open ones by state.
        ended: how many have ended, by outcome: "completed", "failed" or "cancelled".
        refused: how many were refused, by the class of the error.
        results_dropped: results that full links to clients have dropped.
        capacity: what sessions hold of the limits.
        calls: how many gRPC calls have ended, by method and status.
        running_calls: by method.
        process_starts: how long it took to fork a node process.
        loop_lag: how late the event loop ran a task, sampled; without any where it is off.
        usage: of the server's process and the machine.
        is_draining: whether the server shuts down.
        workers: the server processes that these are the figures of.
        worker_restarts: how many of them were started again after an unexpected end.
    """

    nodes: Mapping[NodeLabels, NodeStatistics]
    running: Mapping[NodeLabels, int]
    processes: Mapping[NodeLabels, ProcessUsage]
    links: Mapping[LinkLabels, LinkTotals]
    sessions: Mapping[str, int]
    ended: Mapping[str, int]
    refused: Mapping[str, int]
    results_dropped: int
    capacity: CapacityFigures
    calls: Mapping[tuple[str, str], int]
    running_calls: Mapping[str, int]
    process_starts: Histogram
    loop_lag: Histogram
    usage: MachineUsage
    is_draining: bool
    workers: int = 1
    worker_restarts: int = 0
