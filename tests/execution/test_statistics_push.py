"""Node processes send their statistics while they run, without being asked."""

import pytest
import trio

from actors import Json, Text
from runtime import Runtime, Session
from runtime.execution import NodeStatistics
from runtime.execution.process import watchdog
from tests.session.pipelines import chain


@pytest.fixture(autouse=True)
def no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server not ask, as it does from time to time to see that a process answers."""
    monkeypatch.setattr(watchdog, "HEARTBEAT_SECONDS", 3600.0)


KINDS = ["PassThrough", "Slow"]  # synchronous, and async


async def reported(session: Session, items: int) -> NodeStatistics:
    """Return the statistics of the node as soon as they have this many items in and out."""
    with trio.fail_after(20):
        while True:
            statistics = session.statistics()["n0"]
            if (statistics.items_in, statistics.items_out) == (items, items):
                return statistics
            await trio.sleep(0.02)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_node_that_has_become_idle_has_sent_its_last_statistics(
    runtime: Runtime, kind: str
) -> None:
    async with runtime.open_session(chain(kind, ["multiprocess"])) as session:
        await session.wait_ready()
        for count in (1, 2, 3):
            await session.send(Text("x"))
            await session.receive()
            statistics = await reported(session, count)
            assert statistics.processing.count == count
            assert statistics.taken[""] == count
            assert statistics.cpu_seconds > 0
            assert statistics.memory_bytes > 0
            assert statistics.minor_faults > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_node_under_load_sends_its_statistics_and_not_too_often(
    runtime: Runtime, kind: str
) -> None:
    async with runtime.open_session(chain(kind, ["multiprocess"])) as session:
        await session.wait_ready()
        seen: list[NodeStatistics] = []
        with trio.move_on_after(3.5):
            while True:
                await session.send(Text("x"))
                await session.receive()
                if not seen or session.statistics()["n0"] is not seen[-1]:
                    seen.append(session.statistics()["n0"])
    counts = [each.items_in for each in seen[1:]]
    assert len(counts) >= 1
    assert counts == sorted(set(counts))
    assert len(counts) <= 4, "more than one a second"


async def test_a_node_that_waits_sends_nothing(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["multiprocess"])) as session:
        await session.send(Text("x"))
        await session.receive()
        before = await reported(session, 1)
        await trio.sleep(2.5)
        assert session.statistics()["n0"] is before


async def test_a_long_emission_is_reported_while_it_lasts(runtime: Runtime) -> None:
    async with runtime.open_session(chain("CountUp", ["multiprocess"])) as session:
        await session.send(Json(1))
        await session.receive()
        await reported(session, 1)
        await session.send(Json(10**9))
        received = 0
        with trio.fail_after(20):
            while session.statistics()["n0"].items_out < 100:
                await session.receive()
                received += 1
        assert received >= 100


async def test_waits_for_items_and_for_readers_are_measured_apart(runtime: Runtime) -> None:
    pipeline = chain("PassThrough", ["multiprocess"], channel_capacity=1)
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        for _ in range(3):
            await session.send(Text("x"))
        await trio.sleep(1.2)
        for _ in range(3):
            await session.receive()
        statistics = await reported(session, 3)
    assert statistics.sending.count >= 1
    assert statistics.sending.longest_seconds > 0.5
    assert statistics.waiting.count >= 1
    assert statistics.wait_quantile(statistics.sending, 0.99) > 0.5
    assert statistics.wait_quantile(statistics.sending, 0.0) == 0
