"""The limits of a whole server: checked before anything starts, freed when the last is reaped."""

import psutil
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runtime import ErrorType, LimitError, ResourceLimits, Runtime, RuntimeConfig
from runtime.config import Limits
from tests.conftest import OpenRuntime

from .pipelines import chain, run_through

THREE = chain("EchoNode", ["multiprocess"] * 3)


def limits(**keys: object) -> RuntimeConfig:
    return RuntimeConfig(limits=Limits.model_validate(keys))


def processes_of(forkserver_pid: int) -> int:
    return len(psutil.Process(forkserver_pid).children(recursive=True))


async def hold(
    runtime: Runtime,
    places: int,
    task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hold a session with so many processes until the scope is cancelled."""
    pipeline = chain("EchoNode", ["multiprocess"] * places or ["native"])
    with trio.CancelScope() as scope:
        async with runtime.open_session(pipeline) as session:
            await session.wait_ready()
            task_status.started(scope)
            await trio.sleep_forever()


async def test_ten_sessions_of_three_processes_run_and_the_eleventh_waits_for_an_end(
    runtime_with: OpenRuntime, forkserver: tuple[object, int]
) -> None:
    config = limits(max_total_processes=30)
    async with runtime_with(config) as runtime, trio.open_nursery() as nursery:
        scopes = [await nursery.start(hold, runtime, 3) for _ in range(10)]
        before = processes_of(forkserver[1])
        with pytest.raises(LimitError) as caught:
            await run_through(runtime, THREE, [])
        assert processes_of(forkserver[1]) == before
        assert caught.value.error_type is ErrorType.RESOURCE_LIMIT
        assert str(caught.value) == (
            "no room for the session: the session needs 3 processes, 30 run, and "
            "limits.max_total_processes is 30; try again when another has ended"
        )
        scopes[0].cancel()
        while runtime.capacity.processes == 30:
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert await run_through(runtime, THREE, []) == []
        nursery.cancel_scope.cancel()
    assert (runtime.capacity.sessions, runtime.capacity.processes) == (0, 0)


async def test_sessions_without_processes_are_counted_too(runtime_with: OpenRuntime) -> None:
    async with runtime_with(limits(max_sessions=2)) as runtime, trio.open_nursery() as nursery:
        for _ in range(2):
            await nursery.start(hold, runtime, 0)
        with pytest.raises(LimitError, match=r"2 sessions run, and limits\.max_sessions is 2"):
            await run_through(runtime, chain("PassThrough", ["native"]), [])
        nursery.cancel_scope.cancel()


async def test_sessions_that_start_at_once_cannot_overshoot(runtime_with: OpenRuntime) -> None:
    refused = 0

    async def attempt(runtime: Runtime) -> None:
        nonlocal refused
        try:
            async with runtime.open_session(THREE) as session:
                assert runtime.capacity.processes <= 7
                await session.wait_ready()
                await release.wait()
        except LimitError:
            refused += 1
            if refused == 6:
                release.set()

    release = trio.Event()
    config = limits(max_total_processes=7)
    async with runtime_with(config) as runtime, trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(attempt, runtime)
    assert refused == 6


async def test_a_session_that_fails_or_is_refused_gives_everything_back(
    runtime_with: OpenRuntime,
) -> None:
    async with runtime_with(limits(max_total_processes=3)) as runtime:
        for _ in range(3):
            with pytest.raises(Exception, match="always fails"):
                await run_through(
                    runtime, chain(("Raising", {"hook": "initialize"}), ["multiprocess"] * 3), []
                )
        assert runtime.capacity.processes == 0


async def test_waiting_sessions_are_served_in_their_order(runtime_with: OpenRuntime) -> None:
    """A large one that waits is not starved by small ones that would fit."""
    order: list[str] = []

    async def wait(runtime: Runtime, name: str, places: int) -> None:
        async with runtime.open_session(chain("EchoNode", ["multiprocess"] * places)):
            order.append(name)

    config = limits(max_total_processes=3, session_wait_secs=60)
    async with runtime_with(config) as runtime, trio.open_nursery() as nursery:
        scope = await nursery.start(hold, runtime, 2)
        for name, places in (("large", 3), ("small", 1), ("medium", 2)):
            nursery.start_soon(wait, runtime, name, places)
            await wait_all_tasks_blocked()
        assert runtime.capacity.waiting == 3
        assert order == []
        scope.cancel()
    assert order == ["large", "small", "medium"]


async def test_one_that_gives_up_lets_those_behind_it_in(runtime_with: OpenRuntime) -> None:
    config = limits(max_total_processes=3, session_wait_secs=60)
    async with runtime_with(config) as runtime, trio.open_nursery() as nursery:
        await nursery.start(hold, runtime, 2)
        impatient = trio.CancelScope()

        async def give_up() -> None:
            with impatient:
                await run_through(runtime, THREE, [])

        nursery.start_soon(give_up)
        await wait_all_tasks_blocked()
        nursery.start_soon(hold, runtime, 1)
        await wait_all_tasks_blocked()
        assert runtime.capacity.waiting == 2
        impatient.cancel()
        with trio.fail_after(30):
            while runtime.capacity.processes < 3:
                await wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    assert runtime.capacity.processes == 0


async def test_waiting_has_an_end(runtime_with: OpenRuntime) -> None:
    config = limits(max_sessions=1, session_wait_secs=0.1)
    async with runtime_with(config) as runtime, trio.open_nursery() as nursery:
        await nursery.start(hold, runtime, 0)
        with pytest.raises(LimitError, match=r"max_sessions is 1; it waited 0\.1 s"):
            await run_through(runtime, chain("PassThrough", ["native"]), [])
        assert runtime.capacity.waiting == 0
        nursery.cancel_scope.cancel()


async def test_a_client_s_limits_stay_within_the_operator_s(runtime_with: OpenRuntime) -> None:
    config = limits(max_memory_bytes=1000, max_audio_samples=50)
    asked = ResourceLimits(max_memory_bytes=2000, max_timeout_ms=60_000, max_audio_samples=5)
    async with runtime_with(config) as runtime:
        async with runtime.open_session(
            chain("PassThrough", ["native"]), resource_limits=asked
        ) as session:
            assert session.limits == ResourceLimits(1000, 60_000, 5)
        async with runtime.open_session(chain("PassThrough", ["native"])) as session:
            assert session.limits == ResourceLimits(1000, 0, 50)
