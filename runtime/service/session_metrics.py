"""The metrics of a session, as messages of the contract."""

import json
import time
from collections import Counter

from actors import Bundle, Data, Kind

from ..events import Result
from ..execution import NodeStatistics
from ..session import Session
from ..wire import ExecutionMetrics, NodeMetrics, StreamMetrics
from .peak_memory import PeakMemory

# The metrics of a node that have fields of their own in the contract.
_OWN_FIELDS = frozenset({"items_in", "memory_bytes"})


class SessionMetrics:
    """Counts the items of one session, and measures their conversion.

    Attributes:
        chunks: how many chunks were received.
        items: how many items were received; a chunk of named buffers has several.

    Args:
        peak_memory: of the server.
    """

    def __init__(self, peak_memory: PeakMemory) -> None:
        self.chunks = 0
        self.items = 0
        self._began = time.perf_counter()
        self._kinds: Counter[Kind] = Counter()
        self._results = 0
        self._latency_seconds = 0.0
        self._incoming_seconds = 0.0
        self._outgoing_seconds = 0.0
        self._peak_memory = peak_memory

    def converted_in(self, began: float) -> None:
        """Measure a conversion of input that began at this time of `time.perf_counter`."""
        self._incoming_seconds += time.perf_counter() - began

    def converted_out(self, began: float) -> None:
        """Measure a conversion of output that began at this time of `time.perf_counter`."""
        self._outgoing_seconds += time.perf_counter() - began

    def count_in(self, data: Data) -> None:
        """Count the items of a chunk."""
        if not isinstance(data, Bundle):
            self.items += 1
            self._kinds[data.kind] += 1
            return
        self.items += len(data.members)
        for member in data.members.values():
            self._kinds[member.kind] += 1

    def count_out(self, result: Result) -> None:
        """Count a result."""
        self._results += 1
        self._latency_seconds += result.latency_seconds

    def stream_metrics(self, session: Session, *, chunks: int, items: int) -> StreamMetrics:
        """Return the metrics of a running session.

        Args:
            session: the session.
            chunks: how many chunks were received when the metrics were due.
            items: how many items were received then.
        """
        return StreamMetrics(
            session_id=session.id,
            chunks_processed=chunks,
            average_latency_ms=1000 * self._latency_seconds / max(self._results, 1),
            total_items=items,
            buffer_items=session.waiting(),
            chunks_dropped=session.dropped(),
            peak_memory_bytes=self._memory_bytes(session),
            data_type_breakdown=self._breakdown(),
        )

    def execution_metrics(self, session: Session) -> ExecutionMetrics:
        """Return the measured cost of a session."""
        nodes = session.statistics()
        dropped_results = session.dropped_results()
        incoming, outgoing = 1000 * self._incoming_seconds, 1000 * self._outgoing_seconds
        return ExecutionMetrics(
            wall_time_ms=1000 * (time.perf_counter() - self._began),
            cpu_time_ms=1000 * sum(_cpu_seconds(node) for node in nodes.values()),
            memory_used_bytes=self._memory_bytes(session),
            node_metrics={
                node_id: _node_metrics(node, dropped_results.get(node_id, 0))
                for node_id, node in nodes.items()
            },
            serialization_time_ms=incoming + outgoing,
            proto_to_runtime_ms=incoming,
            runtime_to_proto_ms=outgoing,
            data_type_breakdown=self._breakdown(),
        )

    def _breakdown(self) -> dict[str, int]:
        return {kind.value: count for kind, count in self._kinds.items()}

    def _memory_bytes(self, session: Session) -> int:
        """Return the peak resident memory of the server and the session's processes, in bytes."""
        children = sum(node.memory_bytes for node in session.statistics().values())
        return self._peak_memory.read() + children


def _node_metrics(node: NodeStatistics, dropped_results: int) -> NodeMetrics:
    custom: dict[str, object] = {
        name: value for name, value in node.metrics().items() if name not in _OWN_FIELDS
    }
    if node.dropped_from:
        custom["dropped_from"] = node.dropped_from
    if dropped_results:
        custom["dropped_results"] = dropped_results
    return NodeMetrics(
        execution_time_ms=1000 * node.processing.total_seconds,
        memory_bytes=node.memory_bytes,
        items_processed=node.items_in,
        custom_metrics=json.dumps(custom),
    )


def _cpu_seconds(node: NodeStatistics) -> float:
    # A native node shares the server's process: the time inside its code is its processor time.
    return node.cpu_seconds or node.processing.total_seconds
