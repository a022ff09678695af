"""The registry: where every figure of the server is counted, and from where it is read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import trio

from ..execution import Histogram, NodeStatistics
from .figures import CapacityFigures, Drain, SessionFigures, SessionSource
from .labels import LabelBounds, LinkLabels, NodeLabels
from .machine_usage import MachineUsage, ProcessUsage, read_usage
from .snapshot import LinkTotals, SessionCounts, Snapshot


class Registry:
    """Counts what happens in a server, and sums the statistics of its sessions.

    It costs a few dictionary entries for each session and each call, and nothing for an item.

    Attributes:
        process_starts: how long it took to fork each node process.
        loop_lag: see `measure_loop_lag`.
        drain: how the server shuts down; None as long as it does not.

    Args:
        capacity: returns what sessions hold of the limits.
    """

    def __init__(self, capacity: Callable[[], CapacityFigures]) -> None:
        self.process_starts = Histogram()
        self.loop_lag = Histogram()
        self.drain: Drain | None = None
        self._capacity = capacity
        self._labels = LabelBounds()
        self._open: dict[SessionSource, None] = {}
        self._nodes: dict[NodeLabels, NodeStatistics] = {}
        self._results_dropped = 0
        self._ended: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._running_calls: Counter[str] = Counter()
        # Reading /proc a second time meanwhile would only be slower.
        self._reading = trio.CapacityLimiter(1)

    @contextmanager
    def session(self, source: SessionSource) -> Iterator[None]:
        """Count a session as open for as long as the block lasts."""
        self._open[source] = None
        try:
            yield
        finally:
            del self._open[source]
            self._add_ended(source.figures())

    def count_refusal(self, error: str) -> None:
        """Count a session that was not opened; `error` is the class of the error."""
        self._refused[error] += 1

    def begin_call(self, method: str) -> None:
        """Count a gRPC call as running.

        Args:
            method: "package.Service/Method", of this server's own: labels are never forgotten.
        """
        self._running_calls[method] += 1

    def end_call(self, method: str, status: str) -> None:
        """Count a running call as ended, with the name of its status."""
        self._running_calls[method] -= 1
        self._calls[method, status] += 1

    def count_refused_call(self, method: str, status: str) -> None:
        """Count a call that never ran, with the name of its status."""
        self._calls[method, status] += 1

    def sessions(self) -> list[SessionFigures]:
        """Return the figures of each open session, the oldest first."""
        return [source.figures() for source in self._open]

    def session_counts(self) -> SessionCounts:
        """Return what became of the sessions so far, and what they hold now."""
        return SessionCounts(self._ended.copy(), self._refused.copy(), self._capacity())

    async def usage(
        self, sessions: Sequence[SessionFigures], *, with_processes: bool = True
    ) -> MachineUsage:
        """Read, in a thread, what the server, the machine and the sessions use.

        Args:
            sessions: whose files in /dev/shm are counted.
            with_processes: read the memory of their processes too, which takes 1 ms for each.
        """
        nodes = [node for session in sessions if with_processes for node in session.nodes]
        processes = [node.process_id for node in nodes if node.process_id is not None]
        segments = [session.segments for session in sessions]
        async with self._reading:
            return await trio.to_thread.run_sync(partial(read_usage, processes, segments))

    async def collect(self) -> Snapshot:
        """Return everything; it reads the usage of processes in a thread."""
        # One after the other: a later snapshot must not have an earlier usage.
        async with self._reading:
            # All counters at one moment: a session that ends meanwhile must not count twice.
            snapshot, processes, segments = self._without_usage()
            read = partial(read_usage, processes, segments)
            usage = await trio.to_thread.run_sync(read)
        memory: dict[NodeLabels, ProcessUsage] = {}
        for process, labels in processes.items():
            if process in usage.processes:
                memory[labels] = memory.get(labels, ProcessUsage()) + usage.processes[process]
        return replace(snapshot, processes=memory, usage=usage)

    def _without_usage(self) -> tuple[Snapshot, dict[int, NodeLabels], list[str]]:
        """Return a snapshot, and the processes and the segments to be looked at."""
        sessions = self.sessions()
        sums = _Sums(self._labels, self._nodes)
        for session in sessions:
            sums.add(session)
        snapshot = Snapshot(
            nodes=sums.nodes,
            running=sums.running,
            processes={},
            links=sums.links,
            sessions=Counter(session.state for session in sessions),
            ended=self._ended.copy(),
            refused=self._refused.copy(),
            results_dropped=self._results_dropped + sum(each.results_dropped for each in sessions),
            capacity=self._capacity(),
            calls=self._calls.copy(),
            running_calls=self._running_calls.copy(),
            process_starts=_copy(self.process_starts),
            loop_lag=_copy(self.loop_lag),
            usage=MachineUsage(),
            is_draining=self.drain is not None,
        )
        return snapshot, sums.processes, [session.segments for session in sessions]

    def _add_ended(self, session: SessionFigures) -> None:
        self._ended[session.outcome] += 1
        self._results_dropped += session.results_dropped
        for node in session.nodes:
            labels = self._labels.node(
                node.node_id, node.node_type, node.executor, session.pipeline
            )
            self._nodes.setdefault(labels, NodeStatistics()).merge(node.statistics)


class _Sums:
    """Sums over the nodes and links of open sessions, on top of what has ended."""

    def __init__(self, labels: LabelBounds, ended: dict[NodeLabels, NodeStatistics]) -> None:
        self.nodes: dict[NodeLabels, NodeStatistics] = {}
        self.running: Counter[NodeLabels] = Counter()
        self.processes: dict[int, NodeLabels] = {}
        self.links: dict[LinkLabels, LinkTotals] = {}
        self._labels = labels
        for each, statistics in ended.items():
            self._node(each).merge(statistics)

    def add(self, session: SessionFigures) -> None:
        """Add an open session."""
        for node in session.nodes:
            labels = self._labels.node(
                node.node_id, node.node_type, node.executor, session.pipeline
            )
            self._node(labels).merge(node.statistics)
            self.running[labels] += 1
            if node.process_id is not None:
                self.processes[node.process_id] = labels
        for link in session.links:
            place = self._labels.link(link.producer, link.reader, session.pipeline)
            before = self.links.get(place, LinkTotals(0, 0))
            self.links[place] = LinkTotals(
                before.waiting + link.waiting, before.credits + link.credits
            )

    def _node(self, labels: NodeLabels) -> NodeStatistics:
        return self.nodes.setdefault(labels, NodeStatistics())


def _copy(histogram: Histogram) -> Histogram:
    copy = Histogram()
    copy.merge(histogram)
    return copy
