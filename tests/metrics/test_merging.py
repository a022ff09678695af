"""One snapshot of several processes."""

from collections.abc import Mapping
from typing import Any

from runtime.execution import Histogram, NodeStatistics
from runtime.metrics import (
    EXPORTED,
    CapacityFigures,
    Distribution,
    MachineUsage,
    MetricKind,
    NodeLabels,
    ProcessUsage,
    Snapshot,
    counters_of,
    merged,
)

ECHO = NodeLabels("echo", "PassThrough", "native", "voice")
ASR = NodeLabels("asr", "WhisperNode", "multiprocess", "voice")


def histogram(*seconds: float) -> Histogram:
    made = Histogram()
    for each in seconds:
        made.add(each)
    return made


def snapshot(nodes: Mapping[NodeLabels, NodeStatistics], **more: Any) -> Snapshot:
    values: dict[str, Any] = {
        "running": dict.fromkeys(nodes, 1),
        "processes": {ASR: ProcessUsage(100, 50)},
        "links": {},
        "sessions": {"executing": 2},
        "ended": {"completed": 3},
        "refused": {},
        "results_dropped": 1,
        "capacity": CapacityFigures(5, 0, 10, 20),
        "calls": {("StreamPipeline", "OK"): 3},
        "running_calls": {"StreamPipeline": 2},
        "process_starts": histogram(0.01),
        "loop_lag": histogram(0.001, 0.5),
        "usage": MachineUsage(
            server=ProcessUsage(1000, 800),
            cpu_seconds=2.0,
            shared_memory_bytes=7,
            shared_memory_size_bytes=100,
            shared_memory_free_bytes=93,
        ),
        "is_draining": False,
    }
    return Snapshot(nodes=nodes, **{**values, **more})


def samples(found: Snapshot, name: str) -> dict[tuple[str, ...], float | Distribution]:
    (metric,) = [each for each in EXPORTED if each.name == f"millrace_{name}"]
    return dict(metric.samples(found))


def test_counters_gauges_and_histograms_are_summed_and_shared_figures_are_not() -> None:
    one = snapshot({ECHO: NodeStatistics(items_in=5, processing=histogram(0.01))})
    other = snapshot(
        {
            ECHO: NodeStatistics(items_in=7, processing=histogram(0.01, 3.0)),
            ASR: NodeStatistics(items_in=1),
        },
        sessions={"executing": 1, "opening": 1},
        is_draining=True,
    )
    both = merged([one, other])
    assert both.nodes[ECHO].items_in == 12
    assert both.nodes[ECHO].processing.count == 3
    assert both.nodes[ASR].items_in == 1
    assert both.sessions == {"executing": 3, "opening": 1}
    assert both.processes[ASR] == ProcessUsage(200, 100)
    assert both.capacity == CapacityFigures(5, 0, 10, 20)
    assert both.usage.server == ProcessUsage(2000, 1600)
    assert (both.usage.shared_memory_bytes, both.usage.shared_memory_size_bytes) == (14, 100)
    assert both.usage.shared_memory_free_bytes == 93
    assert (both.workers, both.is_draining) == (2, True)
    lag = samples(both, "event_loop_lag_seconds")[()]
    assert isinstance(lag, Distribution)
    assert lag.counts[-1] == 4
    # The sources stay as they were.
    assert one.nodes[ECHO].items_in == 5
    assert one.loop_lag.count == 2


def test_a_process_that_has_ended_counts_on_with_its_counters_only() -> None:
    ended = counters_of(snapshot({ECHO: NodeStatistics(items_in=5)}))
    live = snapshot({ECHO: NodeStatistics(items_in=7)})
    both = merged([live, ended])
    assert both.workers == 1
    for metric in EXPORTED:
        alone, together = dict(metric.samples(live)), dict(metric.samples(both))
        assert together.keys() == alone.keys(), metric.name
        if metric.kind is MetricKind.GAUGE:
            assert together == alone, metric.name
    assert both.nodes[ECHO].items_in == 12
    assert both.ended == {"completed": 6}
