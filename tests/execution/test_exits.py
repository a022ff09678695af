"""What is no Exception ends the session of the node that raised it, and nothing else."""

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from actors import Text
from runtime import HookError, NodeError, Runtime, RuntimeConfig
from runtime.execution import nodes_interrupted_by_themselves
from runtime.executors import NativeExecutor
from tests.conftest import OpenRuntime
from tests.execution.specimens import LeavingThread
from tests.session.pipelines import chain, run_through

PLACES = ["native", "multiprocess"]
EXITS = ["KeyboardInterrupt", "SystemExit", "GeneratorExit", "group"]
HOOKS = ["__init__", "initialize", "process", "flush", "cleanup"]


@pytest.fixture(autouse=True)
def whole_terminal() -> Iterator[None]:
    """Check that nothing changes the handler of Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


async def fail(runtime: Runtime, kind: object, place: str) -> NodeError:
    """Run a node that fails, beside a healthy session; return its error."""
    async with runtime.open_session(chain("PassThrough", [place])) as healthy:
        await healthy.wait_ready()
        with trio.fail_after(20), pytest.raises(NodeError) as caught:
            await run_through(runtime, chain(kind, [place]), [Text("x")])
        await healthy.send(Text("still here"))
        assert (await healthy.receive()).data == Text("still here")
    assert caught.value.node_id == "n0"
    return caught.value


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("what", EXITS)
async def test_an_exit_from_a_hook_is_the_node_s_error(
    runtime: Runtime, what: str, hook: str, place: str
) -> None:
    error = await fail(runtime, ("Leaving", {"where": hook, "what": what}), place)
    assert isinstance(error, HookError)
    assert error.hook == hook
    assert error.exception_type == ("BaseExceptionGroup" if what == "group" else what)


@pytest.mark.parametrize(
    ("kind", "place"),
    [("LeavingAsync", "native"), ("LeavingAsync", "multiprocess"), ("LeavingInThread", "native")],
)
@pytest.mark.parametrize("what", EXITS)
async def test_an_exit_from_a_coroutine_or_a_thread_s_hook_is_too(
    runtime: Runtime, what: str, kind: str, place: str
) -> None:
    error = await fail(runtime, (kind, {"what": what}), place)
    assert isinstance(error, HookError)
    assert error.exception_type == ("BaseExceptionGroup" if what == "group" else what)


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "GeneratorExit"])
@pytest.mark.parametrize("where", ["thread", "del"])
async def test_an_exit_from_a_thread_or_a_finalizer_of_a_process_is_too(
    runtime: Runtime, where: str, what: str
) -> None:
    error = await fail(runtime, ("Leaving", {"where": where, "what": what}), "multiprocess")
    assert what in str(error)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["thread", "del"])
async def test_a_native_thread_or_finalizer_ends_nothing_else(runtime: Runtime, where: str) -> None:
    pipeline = chain(("Leaving", {"where": where}), ["native"])
    assert len(await run_through(runtime, pipeline, [Text("x")])) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", EXITS)
async def test_an_exit_from_the_import_of_a_module_is_the_node_s_error(
    runtime: Runtime, what: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"leaving_{what}_{place}"
    (tmp_path / f"{module}.py").write_text(
        "import os\nfrom tests.execution.specimens import Leaving, leave\n"
        f"if os.path.exists({str(tmp_path / 'now')!r}):\n    leave({what!r})\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    runtime.catalogue = runtime.catalogue.with_types({"Left": f"{module}:Leaving"})
    plan = runtime.plan(chain("Left", [place]))
    monkeypatch.delitem(sys.modules, module, raising=False)
    (tmp_path / "now").touch()
    with trio.fail_after(20), pytest.raises(NodeError, match="'n0'") as caught:
        async with runtime.open_session(plan) as session:
            await session.wait_ready()
    assert ("BaseExceptionGroup" if what == "group" else what) in str(caught.value)


@pytest.mark.parametrize("kind", ["Leaving", "LeavingAsync"])
async def test_interrupt_main_ends_the_node_that_it_interrupts(runtime: Runtime, kind: str) -> None:
    with (
        trio.open_signal_receiver(signal.SIGINT) as signals,
        nodes_interrupted_by_themselves(),
        trio.move_on_after(10) as waiting,
    ):
        error = await fail(runtime, (kind, {"what": "interrupt_main"}), "native")
        assert "InterruptMainError" in str(error)
        signal.raise_signal(signal.SIGINT)  # the terminal's still arrives
        await anext(signals)
    assert not waiting.cancelled_caught


@pytest.mark.parametrize("hook", ["initialize", "process"])
@pytest.mark.parametrize(
    ("kind", "place"),
    [("ForkingInHook", "native"), ("ForkingInHook", "multiprocess"), ("ForkingInThread", "native")],
)
@pytest.mark.filterwarnings("ignore:This process")
async def test_a_forked_copy_that_returns_ends_and_its_session_too(
    runtime: Runtime, kind: str, place: str, hook: str
) -> None:
    message = f"'n0': {hook}.. forked this process, and the child process returned from it too"
    with trio.fail_after(20), pytest.raises(NodeError, match=message):
        async with runtime.open_session(chain((kind, {"hook": hook}), [place])) as session:
            await session.send(Text("x"))
            await trio.sleep_forever()


def test_a_forked_copy_that_returns_after_its_session_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    NativeExecutor().end_forking_node("session/n0", "process")
    assert "node session/n0 process() forked this process" in caplog.text


@pytest.mark.parametrize("place", PLACES)
async def test_a_fork_that_ends_itself_and_a_program_are_allowed(
    runtime: Runtime, place: str
) -> None:
    results = await run_through(runtime, chain("WithHelper", [place]), [Text("x"), Text("y")])
    assert [result.data for result in results] == [Text("x"), Text("y")]


async def test_a_native_node_that_leaves_a_thread_is_named(
    runtime_with: OpenRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = chain("LeavingThread", ["native"])
    async with runtime_with(RuntimeConfig()) as runtime:  # whose end waits for the name
        assert len(await run_through(runtime, pipeline, [Text("x")])) == 1
    (record,) = [r for r in caplog.records if "still running" in r.getMessage()]
    assert record.name == "millrace.node.n0"
    assert "'reporter'" in record.getMessage()
    (thread,) = [t for t in threading.enumerate() if t.name == "reporter"]
    LeavingThread.released.set()
    await trio.to_thread.run_sync(thread.join)
