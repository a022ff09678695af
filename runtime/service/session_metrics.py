"""What a session has cost, in the contract's messages."""

import json
import resource
import time
from collections import Counter

from actors import Bundle, Data, Kind

from ..events import Result
from ..execution import NodeStatistics
from ..session import Session
from ..wire import ExecutionMetrics, NodeMetrics, StreamMetrics

_KIB = 1024
# The kernel adds up the counters of all threads when it is asked: not for every ten chunks.
_MEMORY_SECONDS = 0.1


class SessionMetrics:
    """Counts one session's items, and measures their conversion.

    Attributes:
        chunks: that came in.
        items: that came in; a chunk of named buffers has several.
    """

    def __init__(self) -> None:
        self.chunks = 0
        self.items = 0
        self._began = time.perf_counter()
        self._kinds: Counter[Kind] = Counter()
        self._results = 0
        self._latency_seconds = 0.0
        self._incoming_seconds = 0.0
        self._outgoing_seconds = 0.0
        self._own_memory_bytes = 0
        self._memory_until = 0.0

    def converted_in(self, began: float) -> None:
        """Count a conversion of what came in, which began at a time of `time.perf_counter`."""
        self._incoming_seconds += time.perf_counter() - began

    def converted_out(self, began: float) -> None:
        """Count a conversion of what goes out, which began at a time of `time.perf_counter`."""
        self._outgoing_seconds += time.perf_counter() - began

    def count_in(self, data: Data) -> None:
        """Count what came in."""
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
        """Return how a session is doing.

        Args:
            session: whose nodes are asked.
            chunks: that had come in when these metrics were due.
            items: as well.
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
        """Return what a session has cost."""
        nodes = session.statistics()
        incoming, outgoing = 1000 * self._incoming_seconds, 1000 * self._outgoing_seconds
        return ExecutionMetrics(
            wall_time_ms=1000 * (time.perf_counter() - self._began),
            cpu_time_ms=1000 * sum(_cpu_seconds(node) for node in nodes.values()),
            memory_used_bytes=self._memory_bytes(session),
            node_metrics={node_id: _node_metrics(node) for node_id, node in nodes.items()},
            serialization_time_ms=incoming + outgoing,
            proto_to_runtime_ms=incoming,
            runtime_to_proto_ms=outgoing,
            data_type_breakdown=self._breakdown(),
        )

    def _breakdown(self) -> dict[str, int]:
        return {kind.value: count for kind, count in self._kinds.items()}

    def _memory_bytes(self, session: Session) -> int:
        """Return the peak resident size of the server and of a session's processes, in bytes."""
        now = time.perf_counter()
        if now > self._memory_until:
            self._memory_until = now + _MEMORY_SECONDS
            self._own_memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
        children = sum(node.memory_bytes for node in session.statistics().values())
        return self._own_memory_bytes + children


def _node_metrics(node: NodeStatistics) -> NodeMetrics:
    processing = node.processing
    return NodeMetrics(
        execution_time_ms=1000 * processing.total_seconds,
        memory_bytes=node.memory_bytes,
        items_processed=node.items_in,
        custom_metrics=json.dumps(
            {
                "items_out": node.items_out,
                "initialize_ms": round(1000 * node.initialize_seconds, 3),
                "p50_ms": round(1000 * processing.quantile(0.5), 3),
                "p99_ms": round(1000 * processing.quantile(0.99), 3),
                "cpu_ms": round(1000 * node.cpu_seconds, 3),
                "copies": node.received.copies + node.sent.copies,
                "copied_bytes": node.received.copied_bytes + node.sent.copied_bytes,
                "shared_bytes": node.received.shared_bytes + node.sent.shared_bytes,
                "dropped": node.sent.dropped,
                "loop_holds": node.loop_holds,
            }
        ),
    )


def _cpu_seconds(node: NodeStatistics) -> float:
    # A native node shares the server's process: there, the time inside its own code is its share.
    return node.cpu_seconds or node.processing.total_seconds
