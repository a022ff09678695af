"""A directed graph without cycles, sorted into layers for drawing."""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ...manifest import topological_order

_SWEEPS: Final = 8


@dataclass(frozen=True, slots=True)
class Layers:
    """Slots in layers, each edge leading from one layer to the next.

    A slot is a node, or a bend: the place where an edge passes a layer on its way to a later one.

    Attributes:
        rows: for each layer its slots, in the order in which they are drawn.
        nodes: the node of a slot; a bend has none.
        segments: the edges, in pieces of one layer each.
        ways: for each edge the slots it leads through, both ends with it.
    """

    rows: tuple[tuple[int, ...], ...]
    nodes: Mapping[int, str]
    segments: tuple[tuple[int, int], ...]
    ways: Mapping[tuple[str, str], tuple[int, ...]]

    def followers(self) -> dict[int, list[int]]:
        """Return for each slot those it leads to."""
        found: dict[int, list[int]] = {slot: [] for row in self.rows for slot in row}
        for upper, lower in self.segments:
            found[upper].append(lower)
        return found

    def leaders(self) -> dict[int, list[int]]:
        """Return for each slot those that lead to it."""
        found: dict[int, list[int]] = {slot: [] for row in self.rows for slot in row}
        for upper, lower in self.segments:
            found[lower].append(upper)
        return found


def layers_of(successors: Mapping[str, Sequence[str]]) -> Layers:
    """Sort a graph into layers with few crossings.

    Raises:
        ValueError: it has a cycle.
    """
    depth = _depths(successors)
    slots = {node: slot for slot, node in enumerate(successors)}
    rows: list[list[int]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in topological_order(successors):
        rows[depth[node]].append(slots[node])
    ways: dict[tuple[str, str], tuple[int, ...]] = {}
    segments: list[tuple[int, int]] = []
    bends = len(slots)
    for node, followers in successors.items():
        for follower in followers:
            way = [slots[node]]
            for row in range(depth[node] + 1, depth[follower]):
                way.append(bends)
                rows[row].append(bends)
                bends += 1
            way.append(slots[follower])
            ways[node, follower] = tuple(way)
            segments += pairwise(way)
    nodes = {slot: node for node, slot in slots.items()}
    ordered = _with_few_crossings(rows, segments)
    return Layers(tuple(tuple(row) for row in ordered), nodes, tuple(segments), ways)


def _depths(successors: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the layer of each node: behind all that feed it, and a source close to its readers."""
    depth = dict.fromkeys(successors, 0)
    order = topological_order(successors)
    is_source = dict.fromkeys(successors, True)
    for node in order:
        for follower in successors[node]:
            depth[follower] = max(depth[follower], depth[node] + 1)
            is_source[follower] = False
    for node in order:
        if is_source[node] and successors[node]:
            depth[node] = min(depth[follower] for follower in successors[node]) - 1
    return depth


def _with_few_crossings(
    rows: list[list[int]], segments: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """Return the rows reordered: each slot near the middle of its neighbours, in some sweeps."""
    followers: dict[int, list[int]] = {slot: [] for row in rows for slot in row}
    leaders: dict[int, list[int]] = {slot: [] for row in rows for slot in row}
    for upper, lower in segments:
        followers[upper].append(lower)
        leaders[lower].append(upper)
    best = [list(row) for row in rows]
    fewest = _crossings(best, followers)
    current = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        neighbours = leaders if downwards else followers
        indices = range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1)
        for index in indices:
            beside = current[index - 1 if downwards else index + 1]
            place = {slot: position for position, slot in enumerate(beside)}
            current[index] = _sorted_by_neighbours(current[index], neighbours, place)
        count = _crossings(current, followers)
        if count < fewest:
            fewest, best = count, [list(row) for row in current]
    return best


def _sorted_by_neighbours(
    row: list[int], neighbours: Mapping[int, Sequence[int]], place: Mapping[int, int]
) -> list[int]:
    wanted: dict[int, float] = {}
    for position, slot in enumerate(row):
        places = [place[other] for other in neighbours[slot]]
        wanted[slot] = sum(places) / len(places) if places else position
    return sorted(row, key=wanted.__getitem__)


def _crossings(rows: list[list[int]], followers: Mapping[int, Sequence[int]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {slot: position for position, slot in enumerate(lower)}
        seen: list[int] = []
        for slot in upper:
            ends = sorted(place[other] for other in followers[slot])
            count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return count
