"""A node with is_output_node: its output goes to the client as well as to its readers."""

from typing import Any

import pytest

from actors import CancelSpeculation, Control, Json
from runtime import RuntimeConfig, open_runtime
from runtime.config import Routing

COUNT = 20


def manifest(**overrides: str) -> dict[str, Any]:
    return {
        "version": "v1",
        "metadata": {"name": "x", "multiprocess": {"executor_overrides": overrides}},
        "nodes": [
            {"id": "double", "node_type": "MultiplyNode", "params": {"factor": 2}},
            {
                "id": "again",
                "node_type": "MultiplyNode",
                "params": {"factor": 2},
                "is_output_node": True,
            },
            {"id": "last", "node_type": "MultiplyNode", "params": {"factor": 10}},
        ],
        "connections": [{"from": "double", "to": "again"}, {"from": "again", "to": "last"}],
    }


@pytest.mark.parametrize(
    ("again", "last"),
    [
        ("native", "native"),
        ("multiprocess", "native"),
        ("native", "multiprocess"),
        ("multiprocess", "multiprocess"),
    ],
)
async def test_it_goes_to_the_client_and_on(again: str, last: str) -> None:
    results: dict[str, list[object]] = {"again": [], "last": []}
    config = RuntimeConfig(routing=Routing(native_override_types=("*",)))
    async with open_runtime(config) as runtime:
        chosen = manifest(double="native", again=again, last=last)
        async with runtime.open_session(chosen) as session:
            for number in range(COUNT):
                await session.send(Json(number))
            await session.send(Control(CancelSpeculation(10**6, 10**6 + 1)))
            await session.close_input()
            controls = []
            async for result in session:
                if isinstance(result.data, Json):
                    results[result.node_id].append(result.data.value)
                else:
                    controls.append(result.node_id)
    assert results["again"] == [4 * number for number in range(COUNT)]
    assert results["last"] == [40 * number for number in range(COUNT)]
    assert sorted(controls) == ["again", "last"]
