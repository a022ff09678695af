from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.manifest import cycles, topological_order

GRAPHS = st.integers(1, 9).flatmap(
    lambda count: st.sets(
        st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20
    ).map(
        lambda edges: {
            str(node): [str(end) for start, end in sorted(edges) if start == node != end]
            for node in range(count)
        }
    )
)


def reachable(graph, start):
    found, todo = set(), [start]
    while todo:
        for follower in graph[todo.pop()]:
            if follower not in found:
                found.add(follower)
                todo.append(follower)
    return found


@given(GRAPHS)
def test_each_knot_is_found_once_with_a_true_way_round(graph):
    knots = {
        frozenset(
            other
            for other in graph
            if other in reachable(graph, node) and node in reachable(graph, other)
        )
        for node in graph
    } - {frozenset()}
    found = cycles(graph)
    assert {frozenset(cycle.members) for cycle in found} == knots
    assert len(found) == len(knots)
    for cycle in found:
        way = [*cycle.path, cycle.path[0]]
        assert all(end in graph[start] for start, end in pairwise(way))
        assert len(set(cycle.path)) == len(cycle.path)
        assert set(cycle.path) <= set(cycle.members)


@given(GRAPHS)
def test_an_order_exists_exactly_where_there_is_no_cycle(graph):
    if cycles(graph):
        with pytest.raises(ValueError, match="cycle"):
            topological_order(graph)
        return
    order = topological_order(graph)
    assert sorted(order) == sorted(graph)
    assert all(
        order.index(node) < order.index(follower) for node in graph for follower in graph[node]
    )


def test_a_chain_may_be_longer_than_the_recursion_limit():
    count = 50_000
    ring = {str(node): [str((node + 1) % count)] for node in range(count)}
    assert len(cycles(ring)[0].path) == count
    ring[str(count - 1)] = []
    assert topological_order(ring)[-1] == str(count - 1)


def test_nodes_keep_the_manifest_s_order_unless_data_requires_another():
    assert topological_order({"c": [], "b": ["d"], "a": ["d"], "d": []}) == ("c", "b", "a", "d")
