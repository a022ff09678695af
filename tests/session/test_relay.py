"""Chunks that enter and results that leave without a turn of the scheduler."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing

from actors import Audio, Control, Data, Json
from runtime import Result, Runtime, Session
from runtime.config import ResourceLimits
from runtime.errors import HookError, LimitError, UnknownNodeError
from tests.session.pipelines import chain, manifest


class Relay:
    """Takes the results of a session, at once where that is possible."""

    def __init__(self, session: Session, takes: Callable[[Result], bool] = lambda _: True) -> None:
        self._session = session
        self._takes = takes
        self.at_once: list[int] = []
        self.later: list[int] = []
        self.entered: list[int] = []

    async def run(self) -> None:
        while True:
            try:
                result = await self._session.receive_unless(self._take)
            except trio.EndOfChannel:
                return
            self.later.append(result.sequence)

    def _take(self, result: Result) -> bool:
        if not self._takes(result):
            return False
        self.at_once.append(result.sequence)
        return True

    def enter(self, sequence: int, data: Data | None = None, node: str = "n0") -> bool:
        return self._session.try_enter(
            Json(sequence) if data is None else data,
            node=node,
            sequence=sequence,
            timestamp_ms=0,
            entered=lambda _, entered: self.entered.append(entered),
        )


async def started(nursery: trio.Nursery, session: Session, **options: Any) -> Relay:
    await session.wait_ready()
    relay = Relay(session, **options)
    nursery.start_soon(relay.run)
    await trio.testing.wait_all_tasks_blocked(0.01)
    return relay


async def test_a_chain_of_native_nodes_answers_before_the_chunk_has_entered_for_its_sender(
    runtime: Runtime,
) -> None:
    async with (
        runtime.open_session(chain("PassThrough", ["native"] * 5)) as session,
        trio.open_nursery() as nursery,
    ):
        relay = await started(nursery, session)
        for sequence in range(20):
            assert relay.enter(sequence)
            assert relay.at_once[-1] == relay.entered[-1] == sequence
        await session.close_input()
    assert relay.at_once == list(range(20))
    assert session.statistics()["n4"].items_out == 20


@pytest.mark.parametrize("place", ["native", "multiprocess"])
@pytest.mark.parametrize(
    "kind", ["PassThrough", "Slow", "CountUpInThread", "CountUp", "CountUpAsync"]
)
async def test_results_keep_their_order_however_their_chunks_enter(
    runtime: Runtime, kind: str, place: str
) -> None:
    node = (kind, {"seconds": 0.001}) if kind == "Slow" else kind
    pipeline = manifest({"n0": node}, places={"n0": place})
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
        results: list[int] = []

        def take(result: Result) -> bool:
            if result.sequence % 3 == 0:
                return False
            results.append(result.sequence)
            return True

        async def collect() -> None:
            while True:
                try:
                    result = await session.receive_unless(take)
                except trio.EndOfChannel:
                    return
                results.append(result.sequence)

        await session.wait_ready()
        nursery.start_soon(collect)
        await trio.testing.wait_all_tasks_blocked(0.01)
        relay = Relay(session)
        for sequence in range(60):
            data = Json(1)  # of CountUp: one output
            if sequence % 4 and relay.enter(sequence, data):
                continue
            await session.send(data, node="n0", sequence=sequence)
            if sequence % 10 == 0:
                await trio.lowlevel.checkpoint()
        await session.close_input()
    assert results == list(range(60))


async def test_a_relay_that_cannot_take_a_result_receives_it_in_its_order(runtime: Runtime) -> None:
    async with (
        runtime.open_session(chain("PassThrough", ["native"])) as session,
        trio.open_nursery() as nursery,
    ):
        relay = await started(nursery, session, takes=lambda result: result.sequence != 1)
        assert [relay.enter(sequence) for sequence in range(3)] == [True] * 3
        await trio.testing.wait_all_tasks_blocked()
        await session.close_input()
    assert (relay.at_once, relay.later) == ([0], [1, 2])


async def test_the_error_of_a_node_that_runs_for_its_sender_is_the_node_s(runtime: Runtime) -> None:
    pipeline = manifest(
        {"n0": "PassThrough", "bad": ("Raising", {"hook": "process"})}, ["n0 > bad"]
    )
    with pytest.raises(HookError, match="this process always fails") as caught:
        async with (
            runtime.open_session(pipeline) as session,
            trio.open_nursery() as nursery,
        ):
            relay = await started(nursery, session)
            assert relay.enter(0)
            await trio.sleep_forever()
    assert caught.value.node_id == "bad"


async def test_a_full_link_takes_no_chunk_and_counts_no_sample_of_it(runtime: Runtime) -> None:
    pipeline = manifest({"n0": ("Slow", {"seconds": 0.01})}, channel_capacity=1)
    async with (
        runtime.open_session(pipeline) as session,
        trio.open_nursery() as nursery,
    ):
        relay = await started(nursery, session)
        audio = Audio(np.zeros(16, np.float32), 16_000)
        taken = [relay.enter(sequence, audio) for sequence in range(4)]
        assert taken[0]
        assert not taken[3]
        assert relay.entered == [n for n in range(4) if taken[n]]
        await session.close_input()
    assert session.statistics()["n0"].items_in == sum(taken)


async def test_what_a_session_refuses_is_refused_to_its_relay(runtime: Runtime) -> None:
    limits = ResourceLimits(max_audio_samples=20)
    async with (
        runtime.open_session(chain("PassThrough", ["native"]), resource_limits=limits) as session,
        trio.open_nursery() as nursery,
    ):
        relay = await started(nursery, session)
        audio = Audio(np.zeros(16, np.float32), 16_000)
        assert relay.enter(0, audio)
        with pytest.raises(LimitError):
            relay.enter(1, audio)
        with pytest.raises(UnknownNodeError):
            relay.enter(1, node="nobody")
        assert not relay.enter(1, Control(None))  # others are told of it first
        assert relay.enter(2, Audio(np.zeros(4, np.float32), 16_000))
        await session.close_input()
        assert not relay.enter(3)
    assert relay.at_once == [0, 2]


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_node_has_its_own_context_variables(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"n0": "Remembering"}, places={"n0": place})
    values: list[object] = []
    async with (
        runtime.open_session(pipeline) as session,
        trio.open_nursery() as nursery,
    ):

        def take(result: Result) -> bool:
            assert isinstance(result.data, Json)
            values.append(result.data.value)
            return False

        relay = await started(nursery, session, takes=take)
        assert relay.enter(0)
        await session.close_input()
    assert set(values) <= {"n0"}
    assert relay.later == [0]
