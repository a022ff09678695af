"""Taps, intercepts, node states and published items, in the embedded API."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from actors import Data, Json, Text
from runtime import InputError, Manifest, NodeState, Runtime, UnknownNodeError
from runtime.session import TapQueue

from .pipelines import manifest

PLACES = ["native", "multiprocess"]
ADD = {"operation": "add", "operands": [3.0, 4.0]}


def calculator(place: str) -> Manifest:
    return manifest({"calc": "CalculatorNode"}, places={"calc": place})


def value(data: Data) -> Any:
    assert isinstance(data, Json)
    return data.value


@pytest.mark.parametrize("place", PLACES)
async def test_a_tap_sees_what_a_published_item_gives(runtime: Runtime, place: str) -> None:
    async with runtime.open_session(calculator(place)) as session:
        tap = TapQueue()
        await session.bus.add_tap("calc", tap)
        await session.publish(Json(ADD), node="calc")
        with trio.fail_after(5):
            output = await tap.receive()
            result = await session.receive()
    assert value(output.data)["result"] == 7.0
    assert value(result.data)["result"] == 7.0
    assert (output.node_id, output.sequence, output.missed) == ("calc", 0, 0)


@pytest.mark.parametrize("place", PLACES)
async def test_a_bypassed_node_emits_its_input_and_a_disabled_one_nothing(
    runtime: Runtime, place: str
) -> None:
    async with runtime.open_session(calculator(place)) as session:
        await session.wait_ready()
        await session.bus.set_state("calc", NodeState.BYPASS)
        await session.send(Json(ADD))
        assert value((await session.receive()).data) == ADD
        await session.bus.set_state("calc", NodeState.DISABLED)
        await session.send(Json(ADD))
        await session.bus.set_state("calc", NodeState.ENABLED)
        await session.close_input()
        results = [result async for result in session]
    assert len(results) <= 1


@pytest.mark.parametrize("place", PLACES)
async def test_an_intercept_replaces_drops_and_passes(runtime: Runtime, place: str) -> None:
    decisions: list[Callable[[Data], Data | None]] = [
        lambda _: Json({"result": 999}),
        lambda _: None,
        lambda data: data,
    ]
    waiting = iter(decisions)

    async def decide(data: Data) -> Data | None:
        return next(waiting)(data)

    async with runtime.open_session(calculator(place)) as session:
        await session.wait_ready()
        tap = TapQueue()
        await session.bus.add_tap("calc", tap)
        await session.bus.set_intercept("calc", decide, 5.0)
        for _ in range(3):
            await session.send(Json(ADD))
        await session.close_input()
        results = [value(result.data)["result"] async for result in session]
    assert results == [999, 7.0]
    seen = [value(output.data)["result"] async for output in tap]
    assert seen == [7.0, 7.0, 7.0]


@pytest.mark.parametrize("place", PLACES)
async def test_an_undecided_output_passes_at_its_deadline(runtime: Runtime, place: str) -> None:
    async def decide(_data: Data) -> Data | None:
        await trio.sleep_forever()

    async with runtime.open_session(calculator(place)) as session:
        await session.wait_ready()
        await session.bus.set_intercept("calc", decide, 0.05)
        await session.send(Json(ADD))
        with trio.fail_after(5):
            assert value((await session.receive()).data)["result"] == 7.0


@pytest.mark.parametrize("place", PLACES)
async def test_a_tap_that_nobody_reads_counts_what_it_misses(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"a": "PassThrough"}, places={"a": place})
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        tap = TapQueue(capacity=2)
        await session.bus.add_tap("a", tap)
        for number in range(20):
            await session.send(Json(number))
        await session.close_input()
        results = [result async for result in session]
    assert len(results) == 20
    seen = [output async for output in tap]
    assert len(seen) == 2
    assert tap.missed == 18


@pytest.mark.parametrize("place", PLACES)
async def test_a_state_holds_for_what_is_published_after_it(runtime: Runtime, place: str) -> None:
    """Nothing is awaited in between: what was published before is processed in the old state."""
    async with runtime.open_session(calculator(place)) as session:
        tap = TapQueue()
        await session.bus.add_tap("calc", tap)
        for state in [NodeState.BYPASS, NodeState.ENABLED, NodeState.DISABLED] * 5:
            await session.bus.set_state("calc", state)
            await session.publish(Json(ADD), node="calc")
        await session.close_input()
        assert len([result async for result in session]) == 10
    values = [value(output.data) async for output in tap]
    assert [isinstance(each, dict) and "result" in each for each in values] == [False, True] * 5


@pytest.mark.parametrize("place", PLACES)
async def test_control_before_the_session_is_ready_holds_from_the_first_item(
    runtime: Runtime, place: str
) -> None:
    async with runtime.open_session(calculator(place)) as session:
        await session.bus.set_state("calc", NodeState.BYPASS)
        await session.send(Json(ADD))
        assert value((await session.receive()).data) == ADD


@pytest.mark.parametrize("place", PLACES)
async def test_a_replacement_that_a_reader_does_not_take_is_not_used(
    runtime: Runtime, place: str
) -> None:
    async def decide(_data: Data) -> Data | None:
        return Text("no JSON")

    pipeline = manifest(
        {"a": "PassThrough", "calc": "CalculatorNode"}, ["a > calc"], places={"a": place}
    )
    async with runtime.open_session(pipeline) as session:
        await session.bus.set_intercept("a", decide, 5.0)
        await session.send(Json(ADD), node="a")
        assert value((await session.receive()).data)["result"] == 7.0


@pytest.mark.parametrize("place", PLACES)
async def test_a_session_is_tapped_intercepted_and_controlled_by_addresses(
    runtime: Runtime, place: str
) -> None:
    async def decide(_data: Data) -> Data | None:
        return Json({"result": 999})

    async with runtime.open_session(calculator(place)) as session:
        async with session.tap("calc.out") as outputs, session.intercept("calc.out", decide):
            await session.publish(Json(ADD), node="calc")
            assert value((await outputs.receive()).data)["result"] == 7.0
            assert value((await session.receive()).data) == {"result": 999}
        await session.set_node_state("calc", NodeState.BYPASS)
        await session.publish(Json(ADD), node="calc")
        assert value((await session.receive()).data) == ADD
        with pytest.raises(UnknownNodeError):
            await session.set_node_state("nobody", NodeState.BYPASS)
        with pytest.raises(InputError, match=r"calc\.out"):
            async with session.tap("calc.in"):
                pass
