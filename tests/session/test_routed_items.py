"""Outputs for one reader."""

import itertools
from typing import Any

import pytest
import trio

from actors import Json
from runtime import NodeError, NodeState, Runtime

from .pipelines import manifest, run_through

PLACES = [
    dict(zip("sab", places, strict=True))
    for places in itertools.product(["native", "multiprocess"], repeat=3)
]


@pytest.mark.parametrize("places", PLACES, ids=lambda places: "-".join(places.values()))
@pytest.mark.parametrize("backpressure", [True, False])
async def test_only_the_named_reader_gets_an_item(
    runtime: Runtime, places: dict[str, str], backpressure: bool
) -> None:
    if not backpressure and len(set(places.values())) == 1:
        return  # the mixed placements have both kinds of links
    pipeline = manifest(
        {"s": "Sorter", "a": "PassThrough", "b": "PassThrough"},
        ["s > a", "s > b"],
        places=places,
        enable_backpressure=backpressure,
    )
    values = [["ab"[n % 2], n] for n in range(20)]
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            for value in values:
                await session.send(Json(value))
            await session.close_input()
            results = [result async for result in session]
    found: dict[str, list[Any]] = {result.node_id: [] for result in results}
    for result in results:
        assert isinstance(result.data, Json)
        found[result.node_id].append(result.data.value)
    assert found == {target: [value for value in values if value[0] == target] for target in "ab"}
    assert session.waiting() == 0


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_route_to_another_node_is_an_error(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"s": "Sorter", "a": "PassThrough"}, ["s > a"], places={"s": place})
    with pytest.raises(NodeError, match=r"routed an item to 'c', .* its readers: a"):
        await run_through(runtime, pipeline, [Json(["c", 1])])


async def test_a_bypassed_reader_passes_a_routed_item_on(runtime: Runtime) -> None:
    pipeline = manifest({"s": "Sorter", "a": "PassThrough", "b": "PassThrough"}, ["s > a", "a > b"])
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.set_node_state("a", NodeState.BYPASS)
            await session.send(Json(["a", 1]))
            assert (await session.receive()).data == Json(["a", 1])
