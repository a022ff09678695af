"""Positions on a line: each as close as possible to its target, with minimum gaps."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from .layers import Layers

_ROUNDS: Final = 8


def spread(
    wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float] | None = None
) -> list[float]:
    """Return positions in the given order with the least sum of squared distances from `wanted`.

    Args:
        wanted: the target of each.
        gaps: the least distance between each and the next; one fewer than `wanted`.
        weights: of each target; all equal if None.

    >>> spread([0, 0], [4])
    [-2.0, 2.0]
    """
    # Without the gaps this is isotonic regression: pool adjacent violators.
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for index, place in enumerate(wanted):
        mean, weight, count = place - offsets[index], weights[index] if weights else 1.0, 1
        while pools and pools[-1][0] > mean:
            other, other_weight, other_count = pools.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight += other_weight
            count += other_count
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def centres(layers: Layers, sizes: Mapping[int, float], gap: float) -> dict[int, float]:
    """Return the centre of each slot across its layer, neighbours straight below each other.

    Args:
        layers: of the graph.
        sizes: the extent of each slot.
        gap: the least space between two slots of a layer.
    """
    leaders, followers = layers.leaders(), layers.followers()
    found: dict[int, float] = {}
    for row in layers.rows:
        gaps = _gaps(row, sizes, gap)
        found.update(zip(row, spread([0.0] * len(row), gaps), strict=True))
    for round_ in range(_ROUNDS):
        rows = layers.rows if round_ % 2 == 0 else layers.rows[::-1]
        # The last rounds use both neighbours, so that a single node stays centred on its branches.
        both = round_ >= _ROUNDS // 2
        for row in rows:
            wishes = [
                _wish(slot, found, leaders, followers, layers, downwards=round_ % 2 == 0, both=both)
                for slot in row
            ]
            places = spread(
                [place for place, _ in wishes],
                _gaps(row, sizes, gap),
                [weight for _, weight in wishes],
            )
            found.update(zip(row, places, strict=True))
    return found


def _gaps(row: Sequence[int], sizes: Mapping[int, float], gap: float) -> list[float]:
    return [(sizes[left] + sizes[right]) / 2 + gap for left, right in pairwise(row)]


def _wish(
    slot: int,
    found: Mapping[int, float],
    leaders: Mapping[int, Sequence[int]],
    followers: Mapping[int, Sequence[int]],
    layers: Layers,
    *,
    downwards: bool,
    both: bool,
) -> tuple[float, float]:
    """Return the target of a slot, and its weight."""
    neighbours = [*leaders[slot], *followers[slot]]
    if not both:
        neighbours = list(leaders[slot] if downwards else followers[slot]) or neighbours
    if not neighbours:
        return found[slot], 1.0
    # A bend in a long edge is worse than one at a node.
    weights = [_weight(slot, other, layers) for other in neighbours]
    total = sum(weights)
    places = zip(neighbours, weights, strict=True)
    return sum(found[other] * weight for other, weight in places) / total, total


def _weight(slot: int, other: int, layers: Layers) -> float:
    return {0: 8.0, 1: 2.0, 2: 1.0}[(slot in layers.nodes) + (other in layers.nodes)]
