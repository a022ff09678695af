"""What a client's resource_limits bound, and how it reads when one is reached."""

import numpy as np
import pytest
import trio

from actors import Audio, Bundle, Text
from runtime import (
    CallerError,
    ErrorType,
    LimitError,
    MemoryLimitError,
    NodeError,
    ProcessExitError,
    ResourceLimits,
    Runtime,
    SessionState,
)

from .pipelines import chain, manifest

MIB = 1024 * 1024
PLACES = ["native", "multiprocess"]


async def run_hungry(runtime: Runtime, limit_bytes: int, **params: object) -> None:
    pipeline = manifest(
        {"before": "PassThrough", "hungry": ("Hungry", params)},
        ["before > hungry"],
        places={"before": "multiprocess", "hungry": "multiprocess"},
    )
    limits = ResourceLimits(max_memory_bytes=limit_bytes)
    with trio.fail_after(30):
        async with runtime.open_session(pipeline, resource_limits=limits) as session:
            await session.send(Text("x"))
            await session.receive()


@pytest.mark.parametrize("hook", ["initialize", "process"])
@pytest.mark.parametrize("how", ["numpy", "bytes", "crumbs"])
async def test_a_node_that_wants_more_memory_than_the_limit_is_named(
    runtime: Runtime, hook: str, how: str
) -> None:
    with pytest.raises(MemoryLimitError) as caught:
        await run_hungry(runtime, 50 * MIB, hook=hook, how=how, megabytes=200)
    error = caught.value
    assert error.error_type is ErrorType.RESOURCE_LIMIT
    assert error.node_id == "hungry"
    assert str(error).startswith(
        f"node 'hungry': memory limit of {50 * MIB} bytes exceeded: {hook}() raised "
    )
    assert "MemoryError" in str(error)
    assert "specimens.py" in error.stack_trace


async def test_a_node_within_its_memory_limit_runs(runtime: Runtime) -> None:
    await run_hungry(runtime, 200 * MIB, megabytes=100)


async def test_the_limit_is_on_top_of_what_the_runtime_itself_takes(runtime: Runtime) -> None:
    await run_hungry(runtime, 8 * MIB, megabytes=1)


async def test_memory_that_cannot_even_hold_the_node_is_told_as_that(runtime: Runtime) -> None:
    with pytest.raises((MemoryLimitError, ProcessExitError), match="memory limit of 1 bytes"):
        await run_hungry(runtime, 1, how="crumbs", megabytes=4)


async def test_native_code_that_aborts_for_lack_of_memory_reads_as_the_limit(
    runtime: Runtime,
) -> None:
    with pytest.raises(MemoryLimitError, match="exceeded: its process was killed by SIGABRT"):
        await run_hungry(runtime, 50 * MIB, how="abort")


async def test_native_code_that_crashes_under_a_limit_hints_at_it(runtime: Runtime) -> None:
    with pytest.raises(
        ProcessExitError, match=rf"SIGSEGV while running; it had a memory limit of {50 * MIB} bytes"
    ):
        await run_hungry(runtime, 50 * MIB, how="native")


async def test_a_memory_error_without_a_limit_is_an_error_of_the_node(runtime: Runtime) -> None:
    with pytest.raises(NodeError, match="MemoryError"):
        await run_hungry(runtime, 0, how="bytes", megabytes=2**42)


@pytest.mark.parametrize("place", PLACES)
async def test_a_session_that_takes_too_long_ends_with_the_limit(
    runtime: Runtime, place: str
) -> None:
    limits = ResourceLimits(max_timeout_ms=300)
    with pytest.raises(LimitError, match="after 300 ms, the most that it may take") as caught:
        async with runtime.open_session(
            chain("PassThrough", [place]), resource_limits=limits
        ) as session:
            await session.send(Text("x"))
            await trio.sleep_forever()
    assert caught.value.error_type is ErrorType.RESOURCE_LIMIT
    assert session.state is SessionState.ERROR


async def test_the_time_of_a_session_includes_loading(runtime: Runtime) -> None:
    limits = ResourceLimits(max_timeout_ms=200)
    with pytest.raises(LimitError, match="was still initializing after 200 ms"):
        async with runtime.open_session(
            chain(("Loading", {"seconds": 10}), ["multiprocess"]), resource_limits=limits
        ) as session:
            await session.wait_ready()


async def test_a_session_that_ended_in_time_may_be_held_open(runtime: Runtime) -> None:
    limits = ResourceLimits(max_timeout_ms=500)
    with trio.fail_after(30):
        async with runtime.open_session(
            chain("PassThrough", ["native"]), resource_limits=limits
        ) as session:
            await session.close_input()
            assert [result async for result in session] == []
            await trio.sleep(0.7)


def audio(frames: int, channels: int = 1) -> Audio:
    return Audio(np.zeros((frames, channels), np.float32), 16000)


@pytest.mark.parametrize("place", PLACES)
async def test_a_chunk_beyond_the_audio_limit_is_refused_and_the_session_goes_on(
    runtime: Runtime, place: str
) -> None:
    limits = ResourceLimits(max_audio_samples=1000)
    async with runtime.open_session(
        chain("PassThrough", [place]), resource_limits=limits
    ) as session:
        await session.send(audio(200, channels=2))
        await session.send(audio(600))
        with pytest.raises(LimitError, match="may take 1000 audio samples.*it would be 1001"):
            await session.send(audio(1))
        with pytest.raises(LimitError, match="it would be 1003"):
            await session.send(Bundle({"left": audio(1), "right": audio(2)}))
        await session.send(Text("not audio"))
        await session.close_input()
        assert len([result async for result in session]) == 3


async def test_zero_means_no_limit(runtime: Runtime) -> None:
    async with runtime.open_session(
        chain("PassThrough", PLACES), resource_limits=ResourceLimits()
    ) as session:
        await session.send(audio(100_000))
        await session.receive()


async def test_limits_as_large_as_the_contract_can_say_are_no_trouble(runtime: Runtime) -> None:
    most = 2**64 - 1
    async with runtime.open_session(
        chain("PassThrough", PLACES), resource_limits=ResourceLimits(most, most, most)
    ) as session:
        await session.send(audio(10))
        await session.receive()


@pytest.mark.parametrize("value", [-1, 2**64])
def test_a_limit_must_be_a_number_of_the_contract(value: int) -> None:
    with pytest.raises(CallerError, match="resource_limits.max_timeout_ms must be from 0"):
        ResourceLimits(max_timeout_ms=value)
