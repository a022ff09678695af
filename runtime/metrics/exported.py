"""The metrics that exporters export: their names, kinds, labels and values.

To export another figure, add one line to `EXPORTED` and one to the table of docs/guides/operate.md,
which a test compares. An exporter reads this table only, and `collect` of the registry.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from enum import Enum
from functools import partial
from typing import Final

from ..execution import Histogram, NodeStatistics
from .snapshot import Snapshot

BOUND_EXPONENTS: Final = (-14, -12, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 2, 4)
"""The bounds of exported histograms are 2 to these powers, in seconds: 61 us to 16 s. Powers of two
are bounds of `Histogram` too, so the counts are exact."""


class MetricKind(Enum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Distribution:
    """The value of a histogram.

    Attributes:
        counts: of durations up to each bound, cumulative; the last is all of them.
        total_seconds: their sum.
    """

    counts: tuple[int, ...]
    total_seconds: float


Sample = tuple[tuple[str, ...], float | Distribution]
"""The values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class ExportedMetric:
    """One metric.

    Attributes:
        name: with its unit, and without the `_total` of a counter.
        labels: their names.
        meaning: a sentence.
        samples: returns the values in a snapshot.
    """

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    meaning: str
    samples: Callable[[Snapshot], Iterable[Sample]]


def distribution(
    histogram: Histogram, *, at_once: int = 0, more_seconds: float = 0
) -> Distribution:
    """Return a histogram as it is exported.

    Args:
        histogram: the durations.
        at_once: further durations that are shorter than every bound.
        more_seconds: their sum.
    """
    counts = [at_once + histogram.count_below(exponent) for exponent in BOUND_EXPONENTS]
    total = histogram.total_seconds + more_seconds
    return Distribution((*counts, at_once + histogram.count), total)


_NODE: Final = ("node", "node_type", "executor", "pipeline")
_LINK: Final = ("producer", "reader", "pipeline")
_COUNTER, _GAUGE, _HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM


def _of_nodes(
    value: Callable[[NodeStatistics], float | Distribution], snapshot: Snapshot
) -> Iterator[Sample]:
    for labels, statistics in snapshot.nodes.items():
        yield astuple(labels), value(statistics)


def _of_processes(
    value: Callable[[NodeStatistics], float | Distribution], snapshot: Snapshot
) -> Iterator[Sample]:
    """Yield values of nodes that have processes of their own."""
    for labels, statistics in snapshot.nodes.items():
        if statistics.cpu_seconds:
            yield astuple(labels), value(statistics)


def _memory(name: str, snapshot: Snapshot) -> Iterator[Sample]:
    for labels, usage in snapshot.processes.items():
        yield astuple(labels), getattr(usage, name)


def _links(name: str, snapshot: Snapshot) -> Iterator[Sample]:
    for labels, totals in snapshot.links.items():
        yield astuple(labels), getattr(totals, name)


def _one(value: Callable[[Snapshot], float | Distribution], snapshot: Snapshot) -> Iterator[Sample]:
    yield (), value(snapshot)


def _by(name: str, snapshot: Snapshot) -> Iterator[Sample]:
    for label, count in getattr(snapshot, name).items():
        yield (label,), count


def _calls(snapshot: Snapshot) -> Iterator[Sample]:
    yield from snapshot.calls.items()


def _running(snapshot: Snapshot) -> Iterator[Sample]:
    for labels in snapshot.nodes:
        yield astuple(labels), snapshot.running.get(labels, 0)


def _waiting(statistics: NodeStatistics) -> Distribution:
    return _waits(statistics.waiting, statistics.waiting_seconds, statistics.items_in)


def _sending(statistics: NodeStatistics) -> Distribution:
    return _waits(statistics.sending, statistics.sending_seconds, statistics.items_out)


def _waits(waits: Histogram, seconds: float, items: int) -> Distribution:
    """Return the distribution of waits, where items that did not wait are not in the histogram."""
    rest = max(0.0, seconds - waits.total_seconds)
    return distribution(waits, at_once=max(0, items - waits.count), more_seconds=rest)


def _node(
    name: str, meaning: str, value: Callable[[NodeStatistics], float | Distribution]
) -> ExportedMetric:
    kind = _HISTOGRAM if name.endswith("ing_seconds") else _COUNTER
    return ExportedMetric(f"millrace_node_{name}", kind, _NODE, meaning, partial(_of_nodes, value))


def _process(name: str, meaning: str, value: Callable[[NodeStatistics], float]) -> ExportedMetric:
    return ExportedMetric(
        f"millrace_node_{name}", _COUNTER, _NODE, meaning, partial(_of_processes, value)
    )


def _single(
    name: str, kind: MetricKind, meaning: str, value: Callable[[Snapshot], float | Distribution]
) -> ExportedMetric:
    return ExportedMetric(f"millrace_{name}", kind, (), meaning, partial(_one, value))


EXPORTED: Final = (
    _node("items_received", "Items that nodes took.", lambda s: s.items_in),
    _node("items_sent", "Items that nodes gave.", lambda s: s.items_out),
    _node(
        "items_cancelled",
        "Items that a control message dropped, or whose processing it cancelled.",
        lambda s: s.cancelled,
    ),
    _node(
        "items_dropped",
        "Items that full links before nodes dropped (enable_backpressure = false).",
        lambda s: s.received.dropped,
    ),
    _node(
        "processing_seconds",
        "Time in the actor's own code, for each call.",
        lambda s: distribution(s.processing),
    ),
    _node("waiting_seconds", "Time that nodes waited for each item to come.", _waiting),
    _node("sending_seconds", "Time that nodes waited for readers to have room.", _sending),
    _node(
        "payload_bytes",
        "Bytes of the payloads that nodes gave.",
        lambda s: s.sent.payload_bytes,
    ),
    _node(
        "shared_bytes",
        "Bytes of payloads that nodes wrote to shared memory.",
        lambda s: s.sent.shared_bytes,
    ),
    _node(
        "copies",
        "Copies of payloads that a boundary forced.",
        lambda s: s.received.copies + s.sent.copies,
    ),
    _node(
        "copied_bytes",
        "Bytes in those copies.",
        lambda s: s.received.copied_bytes + s.sent.copied_bytes,
    ),
    _node(
        "references",
        "Payloads that nodes handed on by reference, without a copy.",
        lambda s: s.sent.references,
    ),
    _node(
        "referenced_bytes",
        "Bytes of those payloads.",
        lambda s: s.sent.referenced_bytes,
    ),
    _node(
        "lending_waits",
        "Times that a node waited because its readers had not taken what they had by reference.",
        lambda s: s.sent.lending_waits,
    ),
    _node(
        "loop_holds",
        "Times that a native actor held the server's event loop for more than 100 ms.",
        lambda s: s.loop_holds,
    ),
    _process("cpu_seconds", "Processor time of node processes.", lambda s: s.cpu_seconds),
    _process(
        "minor_page_faults",
        "Page faults of node processes that needed no disk.",
        lambda s: s.minor_faults,
    ),
    _process(
        "major_page_faults",
        "Page faults of node processes that waited for the disk.",
        lambda s: s.major_faults,
    ),
    ExportedMetric("millrace_nodes", _GAUGE, _NODE, "Nodes of open sessions.", _running),
    ExportedMetric(
        "millrace_node_resident_memory_bytes",
        _GAUGE,
        _NODE,
        "Memory of running node processes, with the pages that they share (RSS).",
        partial(_memory, "resident"),
    ),
    ExportedMetric(
        "millrace_node_proportional_memory_bytes",
        _GAUGE,
        _NODE,
        "The same, each shared page divided by the number of its processes (PSS).",
        partial(_memory, "proportional"),
    ),
    ExportedMetric(
        "millrace_link_waiting_items",
        _GAUGE,
        _LINK,
        'Items on the links of open sessions; "" is the session\'s own end.',
        partial(_links, "waiting"),
    ),
    ExportedMetric(
        "millrace_link_credits",
        _GAUGE,
        _LINK,
        "Items that producers may still put on those links.",
        partial(_links, "credits"),
    ),
    ExportedMetric(
        "millrace_sessions", _GAUGE, ("state",), "Open sessions.", partial(_by, "sessions")
    ),
    ExportedMetric(
        "millrace_sessions_ended",
        _COUNTER,
        ("outcome",),
        "Sessions that have ended: completed, failed, or cancelled.",
        partial(_by, "ended"),
    ),
    ExportedMetric(
        "millrace_sessions_refused",
        _COUNTER,
        ("error",),
        "Sessions that were refused, by the class of the error.",
        partial(_by, "refused"),
    ),
    _single(
        "sessions_waiting",
        _GAUGE,
        "Sessions that wait for room (limits.session_wait_secs).",
        lambda s: s.capacity.waiting,
    ),
    _single(
        "draining",
        _GAUGE,
        "1 while the server shuts down, and 0 before.",
        lambda s: int(s.is_draining),
    ),
    _single(
        "workers",
        _GAUGE,
        "Server processes that these are the figures of (server.workers).",
        lambda s: s.workers,
    ),
    _single(
        "worker_restarts",
        _COUNTER,
        "Workers that were started again after an unexpected end.",
        lambda s: s.worker_restarts,
    ),
    _single("sessions_limit", _GAUGE, "limits.max_sessions.", lambda s: s.capacity.most_sessions),
    _single(
        "processes", _GAUGE, "Node processes of open sessions.", lambda s: s.capacity.processes
    ),
    _single(
        "processes_limit",
        _GAUGE,
        "limits.max_total_processes.",
        lambda s: s.capacity.most_processes,
    ),
    _single(
        "results_dropped",
        _COUNTER,
        "Results that full links to clients dropped.",
        lambda s: s.results_dropped,
    ),
    ExportedMetric(
        "millrace_grpc_calls",
        _COUNTER,
        ("method", "status"),
        "gRPC calls that have ended.",
        _calls,
    ),
    ExportedMetric(
        "millrace_grpc_calls_running",
        _GAUGE,
        ("method",),
        "gRPC calls that run.",
        partial(_by, "running_calls"),
    ),
    _single(
        "process_start_seconds",
        _HISTOGRAM,
        "Time for the forkserver to start each node process, without loading the node.",
        lambda s: distribution(s.process_starts),
    ),
    _single(
        "event_loop_lag_seconds",
        _HISTOGRAM,
        "How late the server's event loop ran a task that was due; sampled four times a second.",
        lambda s: distribution(s.loop_lag),
    ),
    _single(
        "shared_memory_bytes",
        _GAUGE,
        "Memory of open sessions in /dev/shm.",
        lambda s: s.usage.shared_memory_bytes,
    ),
    _single(
        "shared_memory_size_bytes",
        _GAUGE,
        "Size of /dev/shm.",
        lambda s: s.usage.shared_memory_size_bytes,
    ),
    _single(
        "shared_memory_free_bytes",
        _GAUGE,
        "Free memory in /dev/shm.",
        lambda s: s.usage.shared_memory_free_bytes,
    ),
    _single(
        "server_cpu_seconds",
        _COUNTER,
        "Processor time of the server's own process.",
        lambda s: s.usage.cpu_seconds,
    ),
    _single(
        "server_resident_memory_bytes",
        _GAUGE,
        "Memory of the server's own process (RSS).",
        lambda s: s.usage.server.resident,
    ),
    _single(
        "server_proportional_memory_bytes",
        _GAUGE,
        "The same, each shared page divided by the number of its processes (PSS).",
        lambda s: s.usage.server.proportional,
    ),
    _single(
        "server_minor_page_faults",
        _COUNTER,
        "Page faults of the server's own process that needed no disk.",
        lambda s: s.usage.minor_faults,
    ),
    _single(
        "server_major_page_faults",
        _COUNTER,
        "Page faults of the server's own process that waited for the disk.",
        lambda s: s.usage.major_faults,
    ),
)
"""Every metric, in the order of the export."""
