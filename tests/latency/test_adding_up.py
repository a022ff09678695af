"""The parts of a latency sum up to it, in pipelines of all shapes."""

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors import Text
from runtime import Manifest, Result, Runtime, RuntimeConfig
from runtime.latency import PARTS, LatencySummary, ResultLatency
from tests.conftest import OpenRuntime
from tests.session.pipelines import manifest

KINDS = ["Working", "WorkingInThread", "Awaiting", "Tripling", "Gathering", "InBatches"]
FOUND_SECONDS = 60


@dataclass
class Case:
    """A pipeline, and what is sent through it."""

    nodes: dict[str, tuple[str, dict[str, Any]]]
    connections: list[str]
    places: dict[str, str]
    settings: dict[str, Any]
    chunks: int
    characters: int
    gap_seconds: float


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Choose a pipeline of up to four nodes, of which two may have a process."""
    count = draw(st.integers(1, 4))
    names = [f"n{index}" for index in range(count)]
    connections = [
        f"{names[parent]} > {name}"
        for index, name in enumerate(names)
        if index
        for parent in draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=2))
    ]
    in_process = draw(st.sets(st.sampled_from(names), max_size=2))
    seconds = st.sampled_from([0.0, 0.0005, 0.002])
    return Case(
        nodes={name: (draw(st.sampled_from(KINDS)), {"seconds": draw(seconds)}) for name in names},
        connections=connections,
        places={name: "multiprocess" if name in in_process else "native" for name in names},
        settings={
            "channel_capacity": draw(st.sampled_from([1, 3, 100])),
            "enable_backpressure": draw(st.sampled_from([True, True, False])),
        },
        chunks=draw(st.integers(1, 12)),
        characters=draw(st.sampled_from([1, 20_000])),
        gap_seconds=draw(st.sampled_from([0.0, 0.001])),
    )


async def explained_run(
    runtime: Runtime, pipeline: Manifest, case: Case
) -> tuple[list[Result], LatencySummary, list[ResultLatency]]:
    results: list[Result] = []

    async def send() -> None:
        for _ in range(case.chunks):
            await session.send(Text("x" * case.characters))
            await trio.sleep(case.gap_seconds)
        await session.close_input()

    with trio.fail_after(FOUND_SECONDS):
        async with (
            runtime.open_session(pipeline) as session,
            session.explained(all_chunks=True) as latency,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(send)
            results += [result async for result in session]
            summary = await latency.summary(is_last=True)
            found = list(latency.results)
    return results, summary, found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=cases())
def test_the_parts_of_every_result_sum_up_to_its_latency(
    runtime_with: OpenRuntime, case: Case
) -> None:
    async def main() -> tuple[list[Result], LatencySummary, list[ResultLatency]]:
        async with runtime_with(RuntimeConfig()) as runtime:
            pipeline = manifest(case.nodes, case.connections, places=case.places, **case.settings)
            return await explained_run(runtime, pipeline, case)

    results, summary, found = trio.run(main)
    assert summary.incomplete == 0
    # Measured by the session as it handed each result over.
    measured = [(r.node_id, r.sequence, round(1e9 * r.latency_seconds)) for r in results]
    assert Counter((f.node_id, f.sequence, f.total_ns) for f in found) == Counter(measured)
    for result in found:
        assert abs(sum(s.total_ns for s in result.stays) - result.total_ns) * 100 <= result.total_ns
        _check_way(result, case)
    for quantile in summary.quantiles:
        assert sum(stay.total_ns for stay in quantile.stays) == quantile.total_ns
        assert quantile.diagnosis


def _check_way(result: ResultLatency, case: Case) -> None:
    first, *inside, last = result.path
    assert first == last == ""
    assert inside[-1] == result.node_id
    readers = {connection.split(" > ")[1] for connection in case.connections}
    assert inside[0] not in readers
    for producer, reader in itertools.pairwise(inside):
        assert f"{producer} > {reader}" in case.connections
    for stay in result.stays:
        assert all(stay.part(part) >= 0 for part in PARTS)
        if stay.node_id:
            assert stay.process >= 1e9 * case.nodes[stay.node_id][1]["seconds"]
