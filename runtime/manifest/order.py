"""Topological order of the nodes of a graph."""

import heapq
from collections.abc import Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=str)


def topological_order(successors: Mapping[N, Sequence[N]]) -> tuple[N, ...]:
    """Return each node after all its predecessors, and otherwise in the given order.

    Raises:
        ValueError: the graph has a cycle.

    >>> topological_order({"sink": [], "left": ["sink"], "right": ["sink"]})
    ('left', 'right', 'sink')
    """
    nodes = list(successors)
    position = {node: index for index, node in enumerate(nodes)}
    missing = dict.fromkeys(nodes, 0)
    for followers in successors.values():
        for follower in followers:
            missing[follower] += 1
    ready = [position[node] for node in nodes if not missing[node]]
    order: list[N] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        order.append(node)
        for follower in successors[node]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, position[follower])
    if len(order) < len(nodes):
        raise ValueError("the graph has a cycle")
    return tuple(order)
