"""What another host reports of the nodes that it has run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from ..execution import Histogram, NodeStatistics
from ..links import Count

_MOST: Final = 2**53
"""Items, or seconds; a host that reports more is not believed."""


class NodeMetrics(Protocol):
    """The message of that name, as far as it is read."""

    execution_time_ms: float
    items_processed: int
    custom_metrics: str


class _Custom(msgspec.Struct):
    """What is read of the custom metrics of a node."""

    items_out: Count = 0


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The counts of one node.

    Attributes:
        items_in, items_out: that it took and gave.
        seconds: of processing, in all.
    """

    items_in: int
    items_out: int
    seconds: float

    def count_in(self, statistics: NodeStatistics, *, sees_outputs: bool) -> None:
        """Add what was not seen here to the statistics of the node.

        Args:
            statistics: of what has come in and gone out here.
            sees_outputs: whether its outputs have come here. If not, no call was timed here either:
                each counts with the mean time.
        """
        statistics.received.items += max(0, self.items_in - statistics.items_in)
        statistics.items_in = max(self.items_in, statistics.items_in)
        if sees_outputs:
            return
        statistics.items_out = statistics.sent.items = self.items_out
        if self.items_in:
            mean = Histogram()
            mean.add(self.seconds / self.items_in)
            buckets = dict.fromkeys(mean.buckets, self.items_in)
            statistics.processing.merge(
                Histogram(buckets, self.items_in, self.seconds, mean.longest_seconds)
            )


def node_reports(metrics: Mapping[str, NodeMetrics]) -> dict[str, NodeReport]:
    """Return the report of each node, by its id; one that is not valid is left out."""
    reports = {}
    for node, found in metrics.items():
        try:
            custom = msgspec.json.decode(found.custom_metrics or "{}", type=_Custom)
        except (msgspec.DecodeError, RecursionError):
            continue
        seconds = found.execution_time_ms / 1000
        if max(found.items_processed, custom.items_out) < _MOST and 0 <= seconds < _MOST:
            reports[node] = NodeReport(found.items_processed, custom.items_out, seconds)
    return reports
