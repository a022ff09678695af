"""The part of a session's API that tells what it has done."""

from collections.abc import Mapping

from ..execution import NodeStatistics
from ..executors import NodeTask
from ..links import LinkStatistics, Wiring
from ..metrics import SessionFigures
from ..plan import Plan
from .figures import link_figures, node_figures
from .state import SessionState
from .totals import counts, dropped, totals, waiting


class SessionStatistics:
    """Statistics of a session's nodes and links.

    Attributes:
        id, plan, state: of the session.
        outcome: "completed", "failed" or "cancelled"; "" as long as it runs.
    """

    id: str
    plan: Plan
    state: SessionState
    outcome: str
    _tasks: Mapping[str, NodeTask]
    _wiring: Wiring
    _segments: str

    def _repr_html_(self) -> str:
        """Return the session as a notebook shows it: its graph, and what its nodes have done."""
        from .display import session_html  # here, as nothing else needs it

        return session_html(self.plan, self.outcome or self.state.value, self.statistics())

    def statistics(self) -> dict[str, NodeStatistics]:
        """Return the statistics of each node; of node processes as of the last refresh."""
        return {node_id: task.statistics for node_id, task in self._tasks.items()}

    def refresh_statistics(self) -> None:
        """Request new statistics of every node; they arrive a moment later."""
        for task in self._tasks.values():
            task.refresh()

    def figures(self) -> SessionFigures:
        """Return the figures for the registry: of native nodes as of now, of others as sent last.

        A node process sends its statistics itself, at most once a second.
        """
        for task in self._tasks.values():
            if not task.plan.is_isolated:
                task.refresh()
        nodes = self.statistics()
        return SessionFigures(
            session_id=self.id,
            pipeline=self.plan.manifest.metadata.name,
            state=self.state.value,
            outcome=self.outcome,
            nodes=node_figures(self.plan, nodes, self.processes()),
            links=tuple(link_figures(self._wiring, self.plan, nodes)),
            segments=self._segments,
            results_dropped=self._wiring.outlet.statistics().dropped,
            counts=self.counts(),
        )

    def dropped(self) -> int:
        """Return the number of items that links without backpressure have dropped."""
        return dropped(self._wiring, self.statistics())

    def dropped_results(self) -> dict[str, int]:
        """Return how many items the link of each sink to the client has dropped, if any."""
        links = self._wiring.outlet.statistics_by_source()
        return {sink: link.dropped for sink, link in links.items() if link.dropped}

    def waiting(self) -> int:
        """Return the number of items that wait on the links, as of the last refresh."""
        return waiting(self._wiring, self.plan, self.statistics())

    def counts(self) -> dict[str, int]:
        """Return what entered and left: see `totals.counts`."""
        return counts(self._wiring, self.plan, self.statistics())

    def totals(self) -> LinkStatistics:
        """Return the sum of the statistics of all links, as of the last refresh.

        Bytes through shared memory are counted once, where they are written; copies at both ends.
        """
        return totals(self._wiring, self.statistics())

    def processes(self) -> dict[str, int]:
        """Return the process id of every node that has a process of its own on this machine."""
        return {node_id: task.pid for node_id, task in self._tasks.items() if task.pid is not None}
