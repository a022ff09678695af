"""One snapshot of several server processes."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..execution import Histogram, NodeStatistics
from .labels import LinkLabels, NodeLabels
from .machine_usage import MachineUsage, ProcessUsage
from .snapshot import LinkTotals, Snapshot

K = TypeVar("K", bound=Hashable)


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Return one snapshot of several processes that share their limits.

    Counters, histograms and gauges are summed. The limits, what is held of them, and the state of
    the machine are those of the first snapshot: they are the same for all.

    Args:
        snapshots: at least one.
    """
    first = snapshots[0]
    nodes: dict[NodeLabels, NodeStatistics] = {}
    memory: dict[NodeLabels, ProcessUsage] = {}
    links: dict[LinkLabels, LinkTotals] = {}
    for each in snapshots:
        for labels, statistics in each.nodes.items():
            nodes.setdefault(labels, NodeStatistics()).merge(statistics)
        for labels, usage in each.processes.items():
            memory[labels] = memory.get(labels, ProcessUsage()) + usage
        for place, link in each.links.items():
            before = links.get(place, LinkTotals(0, 0))
            links[place] = LinkTotals(before.waiting + link.waiting, before.credits + link.credits)
    return Snapshot(
        nodes=nodes,
        running=_sum(each.running for each in snapshots),
        processes=memory,
        links=links,
        sessions=_sum(each.sessions for each in snapshots),
        ended=_sum(each.ended for each in snapshots),
        refused=_sum(each.refused for each in snapshots),
        results_dropped=sum(each.results_dropped for each in snapshots),
        capacity=first.capacity,
        calls=_sum(each.calls for each in snapshots),
        running_calls=_sum(each.running_calls for each in snapshots),
        process_starts=_histogram(each.process_starts for each in snapshots),
        loop_lag=_histogram(each.loop_lag for each in snapshots),
        usage=_usage([each.usage for each in snapshots]),
        is_draining=any(each.is_draining for each in snapshots),
        workers=sum(each.workers for each in snapshots),
        worker_restarts=sum(each.worker_restarts for each in snapshots),
    )


def counters_of(snapshot: Snapshot) -> Snapshot:
    """Return the counters of a process that has ended, which must not be lost.

    What only a running process has is left out.
    """
    usage = snapshot.usage
    return replace(
        snapshot,
        running={},
        processes={},
        links={},
        sessions={},
        running_calls={},
        usage=MachineUsage(
            cpu_seconds=usage.cpu_seconds,
            minor_faults=usage.minor_faults,
            major_faults=usage.major_faults,
        ),
        is_draining=False,
        workers=0,
        worker_restarts=0,
    )


def _sum(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    total: Counter[K] = Counter()
    for each in counts:
        for key, count in each.items():
            total[key] += count
    return dict(total)


def _histogram(parts: Iterable[Histogram]) -> Histogram:
    total = Histogram()
    for each in parts:
        total.merge(each)
    return total


def _usage(parts: Sequence[MachineUsage]) -> MachineUsage:
    """Return the sum; /dev/shm itself is the same for all."""
    return MachineUsage(
        server=sum((each.server for each in parts), ProcessUsage()),
        cpu_seconds=sum(each.cpu_seconds for each in parts),
        minor_faults=sum(each.minor_faults for each in parts),
        major_faults=sum(each.major_faults for each in parts),
        processes={pid: usage for each in parts for pid, usage in each.processes.items()},
        shared_memory_bytes=sum(each.shared_memory_bytes for each in parts),
        shared_memory_size_bytes=parts[0].shared_memory_size_bytes,
        shared_memory_free_bytes=parts[0].shared_memory_free_bytes,
    )
