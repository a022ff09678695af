"""Tracing changes no output of any pipeline."""

from collections.abc import Iterable

import numpy as np
import pytest

from actors import Audio, Bundle, Data, Json, NumpyArray, Text
from runtime import HookError, Manifest, Result, Runtime, RuntimeConfig
from runtime.recording import difference
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest, run_through
from tests.tracing.collector import Collector

PLACES = ["native", "multiprocess"]
NUMBERS: list[Data] = [Json(number) for number in (3, 0, 5)]
ITEMS: list[Data] = [
    Text("hello", metadata={"who": "me"}),
    Audio(np.arange(480, dtype=np.float32), 16000),
    NumpyArray(np.eye(3)),
    Bundle({"a": Text("x"), "b": Json([1, 2])}),
]
PIPELINES: dict[str, tuple[str, list[Data]]] = {
    "one output": ("PassThrough", ITEMS),
    "async": ("Slow", ITEMS),
    "generator": ("CountUp", NUMBERS),
    "async generator": ("CountUpAsync", NUMBERS),
    "list": ("CountUpList", NUMBERS),
    "thread": ("CountUpInThread", NUMBERS),
    "flush": ("Sum", NUMBERS),
    "batch": ("Pairs", [*NUMBERS, Json(1)]),
    "context": ("ContextTeller", ITEMS),
}


async def results_of(runtime: Runtime, pipeline: Manifest, items: Iterable[Data]) -> list[Result]:
    return await run_through(runtime, pipeline, items)


@pytest.mark.parametrize("interval", [1, 2])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", PIPELINES)
async def test_a_traced_session_has_the_outputs_of_an_untraced_one(
    runtime_with: OpenRuntime, collector: Collector, name: str, place: str, interval: int
) -> None:
    kind, items = PIPELINES[name]
    pipeline = manifest(
        {"a": kind, "b": "PassThrough"}, ["a > b"], places={"a": place, "b": "native"}
    )
    async with runtime_with(RuntimeConfig()) as runtime:
        plain = await run_through(runtime, pipeline, items)
    async with runtime_with(collector.tracing(item_interval=interval)) as runtime:
        traced = await run_through(runtime, pipeline, items)
    assert plain
    assert len(plain) == len(traced)
    for one, other in zip(plain, traced, strict=True):
        assert difference(one.data, other.data) == ""
        assert (one.node_id, one.sequence) == (other.node_id, other.sequence)
    assert collector.named("process a")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hook", ["initialize", "process", "flush", "cleanup"])
async def test_a_traced_session_fails_as_an_untraced_one(
    runtime_with: OpenRuntime, collector: Collector, place: str, hook: str
) -> None:
    pipeline = chain(("Raising", {"hook": hook}), [place])
    errors = []
    for config in (RuntimeConfig(), collector.tracing()):
        async with runtime_with(config) as runtime:
            with pytest.raises(HookError) as caught:
                await run_through(runtime, pipeline, [Text("x")])
            errors.append((str(caught.value), caught.value.hook, caught.value.node_id))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("place", PLACES)
async def test_tracing_changes_no_figure_of_a_node(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    figures = []
    for config in (RuntimeConfig(), collector.tracing()):
        async with (
            runtime_with(config) as runtime,
            runtime.open_session(chain("CountUp", [place])) as session,
        ):
            for item in NUMBERS:
                await session.send(item)
            await session.close_input()
            async for _ in session:
                pass
            node = session.statistics()["n0"]
            figures.append((node.items_in, node.items_out, node.cancelled, node.processing.count))
    assert figures[0] == figures[1]


async def test_the_calls_of_a_node_in_a_batched_host_are_traced(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    pipeline = manifest({"a": "BatchedSleep"}, places={"a": "shared"})
    async with runtime_with(collector.tracing(item_interval=1)) as runtime:
        results = await run_through(runtime, pipeline, [Json(0.0), Json(0.0)])
    assert [each.data for each in results if each.data != Json("began")] == [Json(1), Json(2)]
    assert len(collector.named("process a")) == 2
    assert collector.named("flush a")
