"""Whatever fails, the session ends with one error that names the node, and leaves nothing."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import trio

from actors import Json, Text
from runtime import (
    HookError,
    InitTimeoutError,
    NodeError,
    PipelineError,
    ProcessExitError,
    Runtime,
    Session,
    SessionState,
    open_runtime,
)
from tests.running import is_running

from .pipelines import chain, manifest, run_through, send_all, with_config

PLACES = ["native", "multiprocess"]
HOOKS = ["initialize", "process", "flush", "cleanup"]


@pytest.fixture(autouse=True)
def no_hangs() -> Iterator[None]:
    """Turn a hang into a failure."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the test hangs"))
    signal.alarm(30)
    yield
    signal.alarm(0)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "stuck"
    os.mkfifo(path)
    return path


def around(kind: object, place: str) -> object:
    """Put the node under test between two others, one native and one in a process."""
    return manifest(
        {"before": "PassThrough", "culprit": kind, "after": "PassThrough"},
        ["before > culprit", "culprit > after"],
        places={"before": "multiprocess", "culprit": place, "after": "native"},
        init_timeout_secs=20,
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("kind", ["Raising", "AsyncRaising"])
async def test_raising_in_any_hook_ends_the_session_and_names_node_and_hook(
    runtime: Runtime, kind: str, hook: str, place: str
) -> None:
    with pytest.raises(HookError) as caught:
        await run_through(runtime, around((kind, {"hook": hook}), place), [Text("x")])  # type: ignore[arg-type]
    error = caught.value
    assert error.node_id == "culprit"
    assert error.hook == hook
    assert error.exception_type == "RuntimeError"
    assert str(error) == f"node 'culprit': {hook}() raised RuntimeError: this {hook} always fails"
    assert "specimens.py" in error.stack_trace
    assert "actor_loop.py" not in error.stack_trace


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("WrongKind", r"WrongKind.process\(\) returned text; it declares that it produces json"),
        ("NotData", r"NotData.process\(\) returned a dict"),
        ("AudioOnly", "AudioOnly takes audio, and got text from node 'before'"),
    ],
)
async def test_a_wrong_kind_is_an_error_that_names_actor_and_kind(
    runtime: Runtime, kind: str, message: str, place: str
) -> None:
    with pytest.raises(NodeError, match=message) as caught:
        await run_through(runtime, around(kind, place), [Text("x")])  # type: ignore[arg-type]
    assert caught.value.node_id == "culprit"


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("hook", HOOKS)
async def test_killing_a_child_in_any_hook_ends_the_session_and_names_it(
    runtime: Runtime, hook: str, blocking: bool, pipe: Path
) -> None:
    pipeline = around(
        ("Stuck", {"hook": hook, "blocking": blocking, "path": str(pipe)}), "multiprocess"
    )
    with pytest.raises(ProcessExitError) as caught:
        async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:  # type: ignore[arg-type]
            nursery.start_soon(send_all, session, [Text("x")], None)
            nursery.start_soon(receive_all, session)
            await trio.Path(pipe).read_text()
            os.kill(session.processes()["culprit"], signal.SIGKILL)
    assert caught.value.node_id == "culprit"
    assert caught.value.signal_name == "SIGKILL"
    assert session.state is SessionState.ERROR


async def receive_all(session: Session) -> None:
    async for _ in session:
        pass


async def test_killing_a_child_as_soon_as_it_exists_ends_the_session(runtime: Runtime) -> None:
    with pytest.raises(ProcessExitError, match="'culprit'.*SIGKILL while"):
        async with runtime.open_session(around("PassThrough", "multiprocess")) as session:  # type: ignore[arg-type]
            while "culprit" not in session.processes():
                await trio.lowlevel.checkpoint()
            os.kill(session.processes()["culprit"], signal.SIGKILL)
            await trio.sleep_forever()


@pytest.mark.parametrize("sent", [0, 1])
async def test_killing_an_idle_child_ends_the_session(runtime: Runtime, sent: int) -> None:
    with pytest.raises(ProcessExitError, match="'culprit'.*SIGKILL while running"):
        async with runtime.open_session(around("PassThrough", "multiprocess")) as session:  # type: ignore[arg-type]
            await session.wait_ready()
            for _ in range(sent):
                await session.send(Text("x"))
                await session.receive()
            os.kill(session.processes()["culprit"], signal.SIGKILL)
            await session.receive()


async def test_killing_a_child_that_has_finished_still_ends_the_session(
    runtime: Runtime, pipe: Path
) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": ("Stuck", {"hook": "flush", "path": str(pipe)})},
        places={"a": "multiprocess", "b": "multiprocess"},
    )
    with pytest.raises(ProcessExitError, match="'a'.*SIGKILL"):
        async with runtime.open_session(pipeline) as session:
            await session.close_input()
            await trio.Path(pipe).read_text()
            os.kill(session.processes()["a"], signal.SIGKILL)
            await session.receive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV, signal.SIGHUP])
async def test_a_signal_that_ends_a_child_is_named(runtime: Runtime, number: int) -> None:
    pipeline = around(("Exiting", {"signal_number": int(number)}), "multiprocess")
    with pytest.raises(NodeError) as caught:
        await run_through(runtime, pipeline, [Text("x")])  # type: ignore[arg-type]
    error = caught.value
    assert isinstance(error, ProcessExitError)
    assert error.node_id == "culprit"
    if number != signal.SIGTERM:  # which the child takes as the wish to stop it
        assert error.signal_name == signal.Signals(number).name
    assert "about to end" in error.stack_trace


async def test_an_exit_status_is_told(runtime: Runtime) -> None:
    with pytest.raises(ProcessExitError, match="exited with status 42 while running"):
        await run_through(
            runtime,
            around(("Exiting", {"status": 42}), "multiprocess"),  # type: ignore[arg-type]
            [Text("x")],
        )


async def test_a_crash_in_c_code_comes_with_the_python_traceback(runtime: Runtime) -> None:
    with pytest.raises(ProcessExitError, match="SIGSEGV") as caught:
        await run_through(runtime, around("Segfaulting", "multiprocess"), [Text("x")])  # type: ignore[arg-type]
    assert "specimens.py" in caught.value.stack_trace


@pytest.mark.parametrize(("place", "blocking"), [("native", False), ("multiprocess", True)])
async def test_a_node_that_is_not_ready_in_time_ends_the_session(
    runtime: Runtime, place: str, blocking: bool, pipe: Path
) -> None:
    kind = ("Stuck", {"hook": "initialize", "blocking": blocking, "path": str(pipe)})
    pipeline = manifest({"slow": kind}, places={"slow": place}, init_timeout_secs=0.3)
    with pytest.raises(InitTimeoutError, match=r"'slow': not ready after 0\.3 s") as caught:
        async with runtime.open_session(pipeline) as session:
            await trio.Path(pipe).read_text()
            await session.wait_ready()
    assert caught.value.node_id == "slow"


async def test_a_busy_sibling_does_not_delay_the_error(runtime: Runtime, pipe: Path) -> None:
    pipeline = manifest(
        {
            "busy": ("Stuck", {"hook": "process", "path": str(pipe)}),
            "culprit": "Raising",
        },
        places={"busy": "multiprocess", "culprit": "multiprocess"},
    )
    with pytest.raises(HookError, match="'culprit'"):
        async with runtime.open_session(pipeline) as session:
            await session.send(Text("x"), node="busy")
            await trio.Path(pipe).read_text()
            await session.send(Text("x"), node="culprit")
            began = trio.current_time()
            await session.receive()
    assert trio.current_time() - began < 4  # less than the grace period: SIGTERM broke it off


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_period(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = with_config(runtime, cleanup_grace_period_secs=0.2)
    stuck = trio.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "stuck now" in record.getMessage():
                stuck.set()

    handler = Watch()
    logger = logging.getLogger("millrace.node.n0")
    logger.addHandler(handler)
    caplog.set_level(logging.INFO, logger.name)
    try:
        async with impatient.open_session(chain("Unclean", ["multiprocess"])) as session:
            await session.send(Text("x"))
            await stuck.wait()
            pid = session.processes()["n0"]
    finally:
        logger.removeHandler(handler)
    assert not psutil.pid_exists(pid)


async def test_what_a_node_started_ends_with_it(runtime: Runtime) -> None:
    async with runtime.open_session(chain("WithSubprocess", ["multiprocess"])) as session:
        await session.send(Text("x"))
        result = await session.receive()
        assert isinstance(result.data, Json)
        pid = int(str(result.data.value))
        assert is_running(pid)
    assert not is_running(pid)


async def test_the_first_error_is_the_one_that_is_told(runtime: Runtime) -> None:
    pipeline = manifest(
        {"a": ("Raising", {"hook": "process"}), "b": ("Raising", {"hook": "cleanup"})},
        ["a > b"],
    )
    with pytest.raises(HookError, match="'a': process"):
        await run_through(runtime, pipeline, [Text("x")])


async def test_other_sessions_do_not_notice(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["multiprocess"])) as healthy:
        await healthy.wait_ready()
        with pytest.raises(NodeError):
            await run_through(runtime, chain("Segfaulting", ["multiprocess"]), [Text("x")])
        await healthy.send(Text("still here"))
        assert (await healthy.receive()).data == Text("still here")


async def test_without_its_forkserver_a_session_ends_and_the_next_has_a_new_one() -> None:
    before = set(psutil.Process().children())
    pipeline = chain("PassThrough", ["multiprocess"])
    async with open_runtime() as runtime:
        with pytest.raises(PipelineError, match="forkserver"):
            async with runtime.open_session(pipeline) as session:
                await session.wait_ready()
                (parent,) = set(psutil.Process().children()) - before
                parent.kill()
                await session.receive()
        (result,) = await run_through(runtime, pipeline, [Text("x")])
        assert result.data == Text("x")
