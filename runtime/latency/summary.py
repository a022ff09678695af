"""Which node, and which part of its time, owns the latency of many results."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .diagnosis import NodeFacts, diagnose
from .parts import PARTS, Part, ResultLatency, Stay

# For each quantile, the part of all results around it whose mean is shown. One result alone may be
# the exception.
_AROUND: Final = {0.5: 0.1, 0.99: 0.01}
_EXAMPLES: Final = 3
_CANDIDATES: Final = 16


@dataclass(frozen=True, slots=True)
class QuantileLatency:
    """The results around a quantile of the latency.

    Attributes:
        quantile: 0.5 or 0.99.
        results: how many they are.
        total_ns: the mean of their latencies.
        stays: the means of their parts, which sum up to it.
        owner: the node with the longest part; empty for the session's client.
        part: the longest part.
        diagnosis: a sentence about it.
    """

    quantile: float
    results: int
    total_ns: int
    stays: tuple[Stay, ...]
    owner: str
    part: Part
    diagnosis: str


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Where the latency of many results comes from.

    Attributes:
        results: how many it is about.
        incomplete: results whose way is not known, and which are left out.
        interval: of so many chunks, about one was explained.
        quantiles: the median and the 99th percentile; none without results.
        typical: results with about the median latency.
        slowest: the slowest results, the slowest first.
    """

    results: int
    incomplete: int
    interval: int
    quantiles: tuple[QuantileLatency, ...] = ()
    typical: tuple[ResultLatency, ...] = ()
    slowest: tuple[ResultLatency, ...] = ()


def summarize(
    results: Sequence[ResultLatency],
    facts: Mapping[str, NodeFacts],
    *,
    channel_capacity: int,
    incomplete: int = 0,
    interval: int = 1,
) -> LatencySummary:
    """Return the summary of some results.

    Args:
        results: in any order.
        facts: about each node of the session.
        channel_capacity: of the session's links.
        incomplete: as in `LatencySummary`.
        interval: as in `LatencySummary`.
    """
    ordered = sorted(results, key=lambda result: result.total_ns)
    if not ordered:
        return LatencySummary(0, incomplete, interval)
    quantiles = []
    for quantile, width in _AROUND.items():
        around = _around(ordered, quantile, width)
        stays = _mean(around)
        node_id, part = max(
            ((stay.node_id, part, stay.part(part)) for stay in stays for part in PARTS),
            key=lambda each: each[2],
        )[:2]
        total_ns = sum(stay.total_ns for stay in stays)
        text = diagnose(stays, node_id, part, facts, channel_capacity)
        quantiles.append(
            QuantileLatency(quantile, len(around), total_ns, stays, node_id, part, text)
        )
    slowest = _examples(reversed(ordered[-_CANDIDATES:]))
    middle = _around(ordered, 0.5, _CANDIDATES / len(ordered))
    typical = _examples(result for result in middle if result not in slowest)
    return LatencySummary(len(ordered), incomplete, interval, tuple(quantiles), typical, slowest)


def _examples(results: Iterable[ResultLatency]) -> tuple[ResultLatency, ...]:
    """Return some of the results, one of each chunk: those of a batch are much alike."""
    found: dict[tuple[str, int], ResultLatency] = {}
    for result in results:
        if len(found) < _EXAMPLES:
            found.setdefault((result.node_id, result.sequence), result)
    return tuple(found.values())


def _around(ordered: Sequence[ResultLatency], quantile: float, width: float) -> list[ResultLatency]:
    """Return the results around a quantile: those of the most frequent way, which can be compared.

    Args:
        ordered: the results by their latency; at least one.
        quantile: 0 to 1.
        width: the part of all results that is taken.
    """
    place = max(0, math.ceil(quantile * len(ordered)) - 1)
    half = int(width * len(ordered) / 2)
    found = ordered[max(0, place - half) : place + half + 1]
    (path, _), *_ = Counter(result.path for result in found).most_common(1)
    return [result for result in found if result.path == path]


def _mean(results: Sequence[ResultLatency]) -> tuple[Stay, ...]:
    stays = []
    for same in zip(*(result.stays for result in results), strict=True):
        means = (sum(stay.part(part) for stay in same) // len(same) for part in PARTS)
        stays.append(Stay(same[0].node_id, *means))
    return tuple(stays)
