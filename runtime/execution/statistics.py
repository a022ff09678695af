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

    def merge(self, other: "Histogram") -> None:
        """Add the durations of another histogram to these."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.count += other.count
        self.total_seconds += other.total_seconds
        self.longest_seconds = max(self.longest_seconds, other.longest_seconds)

    def copy(self) -> "Histogram":
        """Return the same durations; those that are added later are not in it."""
        return msgspec.structs.replace(self, buckets=self.buckets.copy())

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return the durations that were added after a copy was made.

        >>> histogram = Histogram()
        >>> histogram.add(0.2)
        >>> copy = histogram.copy()
        >>> histogram.add(0.1)
        >>> recent = histogram.since(copy)
        >>> recent.count, 0.09 < recent.quantile(1) < 0.11
        (1, True)
        """
        new = {
            bucket: count - earlier.buckets.get(bucket, 0) for bucket, count in self.buckets.items()
        }
        return Histogram(
            {bucket: count for bucket, count in new.items() if count > 0},
            self.count - earlier.count,
            self.total_seconds - earlier.total_seconds,
            self.longest_seconds,
        )

    def count_below(self, exponent: int) -> int:
        """Return how many durations are shorter than 2 ** `exponent` seconds.

        >>> histogram = Histogram()
        >>> histogram.add(0.2)
        >>> histogram.count_below(-3), histogram.count_below(-2)
        (0, 1)
        """
        end = exponent * _BUCKETS_PER_OCTAVE
        return sum(count for bucket, count in self.buckets.items() if bucket < end)

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
        routed: items that it gave to one of its readers only.
        cancelled: items that were dropped, or whose processing was cancelled, by a control message.
        processing: per item, the time inside the actor's own code, without waiting for readers.
        waiting: the waits for items, those that lasted at least 50 us. All other items came without
            a wait, and are counted by `items_in` alone: what costs no time is not timed.
        waiting_seconds: spent waiting for items to come in, in all.
        sending: the waits for readers to have room. All other items were sent at once.
        sending_seconds: spent waiting for readers to have room, in all.
        stacks: of its own process, if that is profiled: see `profiling.StackSampler`.
        loop_holds: how often a native actor held the server's event loop for more than 100 ms.
        initialize_seconds: how long it took to get ready.
        cpu_seconds: of its process, for a node that has its own; else 0.
        memory_bytes: the peak resident size of its process, for a node that has its own; else 0.
        minor_faults, major_faults: page faults of its process, for a node that has its own; else 0.
            A major one waited for the disk.
        received, sent: what its links count, in all.
        received_from: what each incoming link counts, by its producer; "" is the session's inlet.
        taken: items that it took from each producer, or that the link dropped.
    """

    items_in: Count = 0
    items_out: Count = 0
    routed: Count = 0
    cancelled: Count = 0
    processing: Histogram = msgspec.field(default_factory=Histogram)
    waiting: Histogram = msgspec.field(default_factory=Histogram)
    waiting_seconds: _Seconds = 0.0
    sending: Histogram = msgspec.field(default_factory=Histogram)
    sending_seconds: _Seconds = 0.0
    stacks: dict[str, _Seconds] = {}
    loop_holds: Count = 0
    initialize_seconds: _Seconds = 0.0
    cpu_seconds: _Seconds = 0.0
    memory_bytes: Count = 0
    minor_faults: Count = 0
    major_faults: Count = 0
    received: LinkStatistics = msgspec.field(default_factory=LinkStatistics)
    sent: LinkStatistics = msgspec.field(default_factory=LinkStatistics)
    received_from: dict[str, LinkStatistics] = {}
    taken: dict[str, Count] = {}

    @property
    def dropped_from(self) -> dict[str, int]:
        """How many items each incoming link has dropped, by its producer; those that have any."""
        return {source: link.dropped for source, link in self.received_from.items() if link.dropped}

    def merge(self, other: "NodeStatistics") -> None:
        """Add what another node has done, to sum over nodes; the peak size is the larger one."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _HISTOGRAMS:
            getattr(self, name).merge(getattr(other, name))
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)
        self.received.add(other.received)
        self.sent.add(other.sent)

    def wait_quantile(self, waits: Histogram, fraction: float) -> float:
        """Return the wait in seconds that `fraction` of all items stay below.

        Args:
            waits: `waiting` or `sending`, which have no items that did not wait.
            fraction: from 0 to 1.
        """
        items = self.items_in if waits is self.waiting else self.items_out
        items = max(items, waits.count)
        at_once = items - waits.count
        if not waits.count or fraction * items <= at_once:
            return 0.0
        return waits.quantile((fraction * items - at_once) / waits.count)

    def metrics(self) -> dict[str, int | float]:
        """Return the exported metrics: counts, bytes, and times in milliseconds.

        To add a metric, add a field above and its name in `_SUMS` below, count in it, and give it
        a name here, for the control bus and the `ExecutionMetrics` of a result, and in
        `runtime.metrics`, for monitoring systems.
        """
        return {
            "items_in": self.items_in,
            "items_out": self.items_out,
            "initialize_ms": round(1000 * self.initialize_seconds, 3),
            "p50_ms": round(1000 * self.processing.quantile(0.5), 3),
            "p90_ms": round(1000 * self.processing.quantile(0.9), 3),
            "p99_ms": round(1000 * self.processing.quantile(0.99), 3),
            "cpu_ms": round(1000 * self.cpu_seconds, 3),
            "memory_bytes": self.memory_bytes,
            "copies": self.received.copies + self.sent.copies,
            "copied_bytes": self.received.copied_bytes + self.sent.copied_bytes,
            "shared_bytes": self.received.shared_bytes + self.sent.shared_bytes,
            "references": self.sent.references,
            "referenced_bytes": self.sent.referenced_bytes,
            "dropped": self.received.dropped,
            "loop_holds": self.loop_holds,
        }


_SUMS: Final = (
    "routed",
    "items_in",
    "items_out",
    "cancelled",
    "waiting_seconds",
    "sending_seconds",
    "loop_holds",
    "initialize_seconds",
    "cpu_seconds",
    "minor_faults",
    "major_faults",
)
_HISTOGRAMS: Final = ("processing", "waiting", "sending")
