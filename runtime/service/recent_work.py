"""What nodes have done since the snapshot before."""

from dataclasses import dataclass

from ..execution import Histogram
from ..metrics import SessionFigures
from ..wire.operations import NodeInfo, SessionInfo


class RecentWork:
    """Compares the snapshots of one watch. It keeps one number for each node of open sessions."""

    def __init__(self) -> None:
        self._clock = 0.0
        self._passed = 0.0
        self._before: dict[tuple[str, str], float] = {}
        self._now: dict[tuple[str, str], float] = {}

    def begin(self, clock: float) -> None:
        """Begin a snapshot.

        Args:
            clock: the time, in seconds of a clock that is never set.
        """
        self._passed = clock - self._clock if self._clock else 0.0
        self._clock = clock
        self._before, self._now = self._now, {}

    def add(self, figures: SessionFigures, message: SessionInfo) -> dict[str, float]:
        """Set the slowest node in the message of a session, and return how busy each node is."""
        busy: dict[str, float] = {}
        for node in figures.nodes:
            place = figures.session_id, node.node_id
            self._now[place] = seconds = node.statistics.processing.total_seconds
            worked = seconds - self._before.get(place, seconds)
            # Statistics of a process are from a moment before; a long call counts when it ends.
            busy[node.node_id] = min(1.0, worked / self._passed) if self._passed else 0.0
        slowest = max(busy, key=lambda node: busy[node], default="")
        if slowest and busy[slowest] > 0:
            message.slowest_node, message.slowest_busy = slowest, busy[slowest]
        return busy


@dataclass(slots=True)
class _Quantiles:
    before: Histogram
    p50_ms: float
    p99_ms: float


class RecentQuantiles:
    """Compares the processing times in the snapshots of one session."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Quantiles] = {}

    def set(self, processing: Histogram, message: NodeInfo) -> None:
        """Set the recent quantiles in the message of a node."""
        known = self._nodes.get(message.node_id)
        if known is None:
            known = _Quantiles(processing.copy(), message.p50_ms, message.p99_ms)
            self._nodes[message.node_id] = known
        recent = processing.since(known.before)
        if recent.count > 0:
            known.p50_ms = 1000 * recent.quantile(0.5)
            known.p99_ms = 1000 * recent.quantile(0.99)
            known.before = processing.copy()
        message.recent_p50_ms, message.recent_p99_ms = known.p50_ms, known.p99_ms
