"""Cycles of a directed graph."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Graph = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cycle:
    """A strongly connected component of more than one node, with one of its cycles.

    Attributes:
        path: a shortest cycle through the first member, in the order of the edges.
        members: all nodes of the component, in the order of the graph; a superset of `path`.
    """

    path: tuple[str, ...]
    members: tuple[str, ...]


def cycles(successors: Graph) -> tuple[Cycle, ...]:
    """Return one cycle for each strongly connected component of more than one node.

    Every successor must be a key of `successors`. An edge from a node to itself is no cycle here.

    >>> cycles({"a": ["b"], "b": ["c"], "c": ["a"], "d": []})
    (Cycle(path=('a', 'b', 'c'), members=('a', 'b', 'c')),)
    """
    position = {node: index for index, node in enumerate(successors)}
    found = []
    for component in _components(successors):
        if len(component) > 1:
            members = sorted(component, key=position.__getitem__)
            found.append(Cycle(_shortest_cycle(successors, members), tuple(members)))
    return tuple(sorted(found, key=lambda cycle: position[cycle.members[0]]))


def _components(successors: Graph) -> Iterator[list[str]]:
    """Yield the strongly connected components, by Tarjan's algorithm without recursion."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: dict[str, None] = {}  # in the order of their discovery
    for root in successors:
        if root in index:
            continue
        index[root] = lowest[root] = len(index)
        open_nodes[root] = None
        calls = [(root, iter(successors[root]))]
        while calls:
            node, rest = calls[-1]
            for follower in rest:
                if follower not in index:
                    index[follower] = lowest[follower] = len(index)
                    open_nodes[follower] = None
                    calls.append((follower, iter(successors[follower])))
                    break
                if follower in open_nodes:
                    lowest[node] = min(lowest[node], index[follower])
            else:
                calls.pop()
                if calls:
                    caller = calls[-1][0]
                    lowest[caller] = min(lowest[caller], lowest[node])
                if lowest[node] == index[node]:
                    yield _taken_back_to(node, open_nodes)


def _taken_back_to(node: str, open_nodes: dict[str, None]) -> list[str]:
    component = []
    while True:
        last, _ = open_nodes.popitem()
        component.append(last)
        if last == node:
            return component


def _shortest_cycle(successors: Graph, members: Sequence[str]) -> tuple[str, ...]:
    """Return a shortest cycle through the first member."""
    start, inside = members[0], set(members)
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for follower in successors[node]:
            if follower == start:
                return _way_back(node, start, came_from)
            if follower in inside and follower not in came_from:
                came_from[follower] = node
                queue.append(follower)
    raise AssertionError("a strongly connected component has a cycle through each of its nodes")


def _way_back(node: str, start: str, came_from: Mapping[str, str]) -> tuple[str, ...]:
    path = [node]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))
