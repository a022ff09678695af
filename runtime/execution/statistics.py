"""What a node's run is measured by."""

import math
from typing import Annotated, Final

import msgspec

from ..links import Count, LinkStatistics

_BUCKETS_PER_OCTAVE: Final = 8  # a quantile is within 2 ** (1 / 16) = 4.4 % of the true one

# A node process reports these, and may be broken: figures out of range are refused as it is read.
_NO_TIME: Final = -(10**6)
_Bucket = Annotated[int, msgspec.Meta(ge=_NO_TIME, le=50 * _BUCKETS_PER_OCTAVE)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=2**53)]


class Histogram(msgspec.Struct):
    """Durations, in buckets of a constant ratio: any number of them in a few hundred numbers.

    >>> histogram = Histogram()
    >>> for milliseconds in range(1, 101):
    ...     histogram.add(milliseconds / 1000)
    >>> 0.045 < histogram.quantile(0.5) < 0.055
    True
    """

    buckets: dict[_Bucket, Count] = {}
    count: Count = 0
    total_seconds: _Seconds = 0.0
    longest_seconds: _Seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = math.floor(math.log2(seconds) * _BUCKETS_PER_OCTAVE) if seconds > 0 else _NO_TIME
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        self.count += 1
        self.total_seconds += seconds
        if seconds > self.longest_seconds:
            self.longest_seconds = seconds

    def quantile(self, fraction: float) -> float:
        """Return the duration in seconds that `fraction` (0 to 1) of all stay below; 0 if none."""
        rank = math.ceil(fraction * self.count)
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                middle: float = 2 ** ((bucket + 0.5) / _BUCKETS_PER_OCTAVE)
                return min(middle, self.longest_seconds)
        return 0.0


class NodeStatistics(msgspec.Struct):
    """What one node has done so far.

    Attributes:
        items_in, items_out: that it took and gave.
        cancelled: items that were dropped, or whose processing was cancelled, by a control message.
        processing: per item, the time inside the actor's own code, without waiting for readers.
        waiting_seconds: spent waiting for items to come in, in all.
        sending_seconds: spent waiting for readers to have room, in all.
        stacks: of its own process, if that is profiled: see `profiling.StackSampler`.
        loop_holds: how often a native actor held the server's event loop for more than 100 ms.
        initialize_seconds: how long it took to get ready.
        cpu_seconds: of its process, for a node that has its own; else 0.
        memory_bytes: the peak resident size of its process, for a node that has its own; else 0.
        received, sent: what its links count, in all.
        received_from: what each incoming link counts, by its producer; "" is the session's inlet.
    """

    items_in: Count = 0
    items_out: Count = 0
    cancelled: Count = 0
    processing: Histogram = msgspec.field(default_factory=Histogram)
    waiting_seconds: _Seconds = 0.0
    sending_seconds: _Seconds = 0.0
    stacks: dict[str, _Seconds] = {}
    loop_holds: Count = 0
    initialize_seconds: _Seconds = 0.0
    cpu_seconds: _Seconds = 0.0
    memory_bytes: Count = 0
    received: LinkStatistics = msgspec.field(default_factory=LinkStatistics)
    sent: LinkStatistics = msgspec.field(default_factory=LinkStatistics)
    received_from: dict[str, LinkStatistics] = {}

    @property
    def dropped_from(self) -> dict[str, int]:
        """How many items each incoming link has dropped, by its producer; those that have any."""
        return {source: link.dropped for source, link in self.received_from.items() if link.dropped}

    def metrics(self) -> dict[str, int | float]:
        """Return the exported metrics: counts, bytes, and times in milliseconds.

        To add a metric, add a field above, count in it, and give it a name here. Everything that
        exports metrics takes this dict: the control bus, and the `ExecutionMetrics` of a result.
        """
        return {
            "items_in": self.items_in,
            "items_out": self.items_out,
            "initialize_ms": round(1000 * self.initialize_seconds, 3),
            "p50_ms": round(1000 * self.processing.quantile(0.5), 3),
            "p99_ms": round(1000 * self.processing.quantile(0.99), 3),
            "cpu_ms": round(1000 * self.cpu_seconds, 3),
            "memory_bytes": self.memory_bytes,
            "copies": self.received.copies + self.sent.copies,
            "copied_bytes": self.received.copied_bytes + self.sent.copied_bytes,
            "shared_bytes": self.received.shared_bytes + self.sent.shared_bytes,
            "dropped": self.received.dropped,
            "loop_holds": self.loop_holds,
        }
