"""The metrics of a snapshot as text, in the two formats that Prometheus reads."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from ..metrics import (
    BOUND_EXPONENTS,
    EXPORTED,
    Distribution,
    ExportedMetric,
    MetricKind,
    Snapshot,
)

_OPENMETRICS: Final = "application/openmetrics-text"
_BOUNDS: Final = (*(repr(2.0**exponent) for exponent in BOUND_EXPONENTS), "+Inf")


def exposition(snapshot: Snapshot, *, version: str, accept: str) -> tuple[bytes, str]:
    """Return the metrics as text, and its content type. It is work for a thread.

    Args:
        snapshot: of the registry.
        version: of this package.
        accept: the header of the request. OpenMetrics if it names that; else Prometheus's own
            format. The library's own reading of the header fails for some versions that it names.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(snapshot, version))
    names = (each.partition(";")[0].strip().lower() for each in accept.split(","))
    if _OPENMETRICS in names:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return text, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot, version: str) -> None:
        self._snapshot = snapshot
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        build = InfoMetricFamily("millrace_build", "The version of this server.")
        build.add_metric([], {"version": self._version})
        yield build
        for exported in EXPORTED:
            yield _family(exported, self._snapshot)

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: there is no other collector whose names could be the same."""
        return iter(())


def _family(exported: ExportedMetric, snapshot: Snapshot) -> Metric:
    name, meaning, labels = exported.name, exported.meaning, exported.labels
    if exported.kind is MetricKind.HISTOGRAM:
        histogram = HistogramMetricFamily(name, meaning, labels=labels)
        for values, value in exported.samples(snapshot):
            assert isinstance(value, Distribution)
            buckets = list(zip(_BOUNDS, value.counts, strict=True))
            histogram.add_metric(values, buckets, value.total_seconds)
        return histogram
    family = CounterMetricFamily if exported.kind is MetricKind.COUNTER else GaugeMetricFamily
    metric = family(name, meaning, labels=labels)
    for values, value in exported.samples(snapshot):
        assert not isinstance(value, Distribution)
        metric.add_metric(values, value)
    return metric
