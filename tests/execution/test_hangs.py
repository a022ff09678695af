"""A node that hangs ends its session, with an error that names it and shows where it was."""

import os
import signal
from pathlib import Path

import pytest
import trio

from actors import Json, Text
from runtime import InitTimeoutError, ProcessTimeoutError, Runtime, Session
from tests.session.pipelines import chain, manifest, run_through


async def end_of(session: Session) -> None:
    await session.send(Text("x"))
    await session.close_input()
    async for _ in session:
        pass


async def time_out(runtime: Runtime, kind: object, place: str, **settings: object) -> str:
    """Run a node that hangs; return the stack that the error shows."""
    with trio.fail_after(30), pytest.raises(ProcessTimeoutError) as caught:
        async with runtime.open_session(chain(kind, [place], **settings)) as session:
            await end_of(session)
    assert caught.value.node_id == "n0"
    assert "a call of its actor has not returned for" in str(caught.value)
    return caught.value.stack_trace


@pytest.mark.parametrize("hook", ["process", "flush"])
@pytest.mark.parametrize("how", ["loop", "sleep", "lock", "c_code"])
async def test_a_process_in_an_endless_call_is_found_with_its_stack(
    runtime: Runtime, how: str, hook: str
) -> None:
    kind = ("Hanging", {"how": how, "hook": hook})
    stack = await time_out(runtime, kind, "multiprocess", process_timeout_secs=1.0)
    assert "in hang_here" in stack
    assert f"in {hook}" in stack


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_an_async_hook_that_never_returns_is_found_with_its_stack(
    runtime: Runtime, place: str
) -> None:
    stack = await time_out(runtime, "HangingAsync", place, process_timeout_secs=1.0)
    assert "in await_here" in stack
    assert "in process" in stack


@pytest.mark.parametrize("kind", ["Hanging", "Stubborn"])
async def test_a_native_hook_that_holds_the_event_loop_is_ended_and_others_live_on(
    runtime: Runtime, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with runtime.open_session(chain("PassThrough", ["native"])) as other:
        await other.wait_ready()
        node = (kind, {"how": "loop", "hook": "process"})
        stack = await time_out(runtime, node, "native", process_timeout_secs=0.5)
        assert "in hang_here" in stack
        assert "in process" in stack
        await other.send(Text("still here"))
        assert (await other.receive()).data == Text("still here")
    (record,) = [each for each in caplog.records if "holds the event loop" in each.getMessage()]
    assert "in hang_here" in record.getMessage()


async def test_a_native_initialize_that_holds_the_event_loop_is_ended(runtime: Runtime) -> None:
    kind = ("Hanging", {"how": "loop", "hook": "initialize"})
    with trio.fail_after(30), pytest.raises(InitTimeoutError) as caught:
        await run_through(runtime, chain(kind, ["native"], init_timeout_secs=0.5), [Text("x")])
    assert caught.value.node_id == "n0"
    assert "in hang_here" in caught.value.stack_trace


async def test_c_code_that_holds_the_event_loop_is_told_and_its_session_ends_when_it_returns(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    kind = ("Hanging", {"how": "nap", "hook": "process"})
    await time_out(runtime, kind, "native", process_timeout_secs=0.5)
    assert "node n0 holds the event loop" in caplog.text


async def test_a_native_thread_that_never_returns_is_found_and_abandoned(
    runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    kind = ("HangingInThread", {"how": str(path)})
    stack = await time_out(runtime, kind, "native", process_timeout_secs=0.5)
    assert "in wait_in_thread" in stack
    assert "the thread is abandoned, here:" in caplog.text
    await trio.Path(path).write_text("now it may end")


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_an_actor_declares_its_own_limit_and_the_manifest_overrides_it(
    runtime: Runtime, place: str
) -> None:
    with trio.fail_after(10), pytest.raises(ProcessTimeoutError, match=r"for 0\.5 s"):
        await run_through(runtime, chain("Impatient", [place]), [Text("x")])
    with trio.fail_after(10), pytest.raises(ProcessTimeoutError, match=r"for 0\.9 s"):
        await run_through(
            runtime, chain("Impatient", [place], process_timeout_secs=0.9), [Text("x")]
        )


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_waiting_for_items_and_for_readers_is_no_hang(runtime: Runtime, place: str) -> None:
    pipeline = chain("PassThrough", [place], process_timeout_secs=0.5, channel_capacity=1)
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
        await session.wait_ready()
        await trio.sleep(1.2)
        for number in range(4):
            nursery.start_soon(session.send, Json(number))
        await trio.sleep(1.2)  # nobody receives: the node waits for room
        for _ in range(4):
            await session.receive()


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_many_calls_that_are_each_in_time_are_no_hang(runtime: Runtime, place: str) -> None:
    pipeline = chain(("Slow", {"seconds": 0.3}), [place], process_timeout_secs=2.5)
    assert len(await run_through(runtime, pipeline, [Json(n) for n in range(10)])) == 10


@pytest.mark.parametrize("busy", [True, False])
async def test_a_stopped_process_is_found_and_nothing_is_left(runtime: Runtime, busy: bool) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "n0": ("Hanging", {"how": "sleep", "hook": "process"})},
        ["a > n0"],
        places={"a": "multiprocess", "n0": "multiprocess"},
    )
    with trio.fail_after(40), pytest.raises(ProcessTimeoutError, match="stopped by a signal") as e:
        async with runtime.open_session(pipeline) as session:
            await session.wait_ready()
            if busy:
                await session.send(Text("x"))
                await trio.sleep(0.5)
            os.kill(session.processes()["n0"], signal.SIGSTOP)
            await trio.sleep_forever()
    assert e.value.node_id == "n0"
    assert ("in hang_here" in e.value.stack_trace) is busy


@pytest.mark.parametrize(
    ("kind", "place", "function"),
    [
        (("Hanging", {"hook": "initialize", "how": "loop"}), "multiprocess", "in hang_here"),
        (("Hanging", {"hook": "initialize", "how": "c_code"}), "multiprocess", "in hang_here"),
        (("HangingAsync", {"hook": "initialize"}), "multiprocess", "in await_here"),
        (("HangingAsync", {"hook": "initialize"}), "native", "in await_here"),
    ],
)
async def test_an_init_timeout_shows_where_the_node_was(
    runtime: Runtime, kind: object, place: str, function: str
) -> None:
    pipeline = chain(kind, [place], init_timeout_secs=1.0)
    with trio.fail_after(30), pytest.raises(InitTimeoutError) as caught:
        await run_through(runtime, pipeline, [])
    assert function in caught.value.stack_trace
    assert "in initialize" in caught.value.stack_trace
