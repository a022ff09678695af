"""When, how and where a node's process may end: always the right node, and nothing is left."""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from actors import Text
from runtime import Manifest, NodeError, ProcessExitError, Runtime, RuntimeConfig, Session
from runtime.config import Multiprocess
from tests.conftest import OpenRuntime

from .pipelines import manifest

GRACE_SECONDS = 0.2
PROCESS_ENDS = ["sigkill", "sigsegv", "sigabrt", "exit", "close_descriptors"]
GARBLED = ["garbage", "wrong_message"]
RAISED = ["exception", "system_exit"]
HOWS = {
    "importing": [*PROCESS_ENDS, *GARBLED, *RAISED, "hang", "daemon"],
    "initialize": [*PROCESS_ENDS, *GARBLED, *RAISED, "hang", "daemon"],
    "idle": [*PROCESS_ENDS, *GARBLED, "daemon"],
    "process": [*PROCESS_ENDS, *GARBLED, *RAISED, "hang", "daemon"],
    "flush": [*PROCESS_ENDS, *GARBLED, *RAISED, "hang", "daemon"],
    "cleanup": [*PROCESS_ENDS, *GARBLED, *RAISED, "hang", "daemon"],
}
PLACES: dict[str, tuple[dict[str, str], list[str]]] = {
    # the other nodes with their executors, and the connections
    "source": ({"b": "native", "c": "multiprocess"}, ["culprit > b", "b > c"]),
    "middle": ({"a": "multiprocess", "c": "native"}, ["a > culprit", "culprit > c"]),
    "sink": ({"a": "multiprocess", "b": "multiprocess"}, ["a > b", "b > culprit"]),
    "branch": (
        {"a": "native", "other": "multiprocess", "join": "native"},
        ["a > culprit", "a > other", "culprit > join", "other > join"],
    ),
}
CASES = [
    (when, how, where)
    for index, (when, how) in enumerate((when, how) for when, hows in HOWS.items() for how in hows)
    for where in itertools.islice(itertools.cycle(PLACES), index, index + 2)
]
EXPECTED = {
    "sigkill": "SIGKILL",
    "sigsegv": "SIGSEGV",
    "sigabrt": "SIGABRT",
    "exit": "status 3",
    "daemon": "status 5",
    "exception": "RuntimeError: as asked",
    "garbage": "no message",
    "wrong_message": "no message",
}


@pytest.fixture(autouse=True)
def no_hangs() -> Iterator[None]:
    """Turn a hang into a failure."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the test hangs"))
    signal.alarm(30)
    yield
    signal.alarm(0)


@pytest.fixture
async def hasty(runtime_with: OpenRuntime) -> AsyncIterator[Runtime]:
    """A runtime that does not give a node long to end."""
    settings = Multiprocess(cleanup_grace_period_secs=GRACE_SECONDS)
    async with runtime_with(RuntimeConfig(multiprocess=settings)) as runtime:
        yield runtime


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def around(where: str, node_type: str, params: dict[str, Any]) -> Manifest:
    others, connections = PLACES[where]
    return manifest(
        {"culprit": (node_type, params), **dict.fromkeys(others, "PassThrough")},
        connections,
        places={"culprit": "multiprocess", **others},
    )


async def drive(session: Session, when: str) -> None:
    """Send what leads to the moment, and take what comes."""
    await session.send(Text("x"))
    if when in ("flush", "cleanup"):
        await session.close_input()
    async for _ in session:
        pass


@asynccontextmanager
async def healthy_beside(runtime: Runtime, *, there: bool) -> AsyncIterator[None]:
    """Run another session as long as the block lasts, and find it as it was."""
    if not there:
        yield
        return
    pipeline = manifest({"n": "PassThrough"}, places={"n": "multiprocess"})
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        yield
        await session.send(Text("still here"))
        assert (await session.receive()).data == Text("still here")


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


@pytest.mark.parametrize(("when", "how", "where"), CASES)
async def test_a_node_s_end_is_detected_and_named(
    hasty: Runtime, when: str, how: str, where: str, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pipe if how == "hang" else pipe.with_name("daemon")
    node_type = "Culprit"
    if when == "importing":
        node_type = write_module(path, how)
        monkeypatch.syspath_prepend(str(pipe.parent))
        hasty.catalogue = hasty.catalogue.with_types({node_type: f"{node_type}:Culprit"})
    pipeline = around(where, node_type, {"when": when, "how": how, "path": str(path)})
    beside = CASES.index((when, how, where)) % 4 < 2
    if how == "hang":
        await end_a_hanging_one(hasty, pipeline, when, pipe, beside=beside)
        return
    async with healthy_beside(hasty, there=beside):
        with pytest.raises(NodeError) as caught:
            async with hasty.open_session(pipeline) as session, trio.open_nursery() as nursery:
                nursery.start_soon(drive, session, when)
    assert caught.value.node_id == "culprit"
    assert EXPECTED.get(how, "") in str(caught.value)
    if how == "daemon":
        assert is_gone(int(path.read_text()))


def write_module(path: Path, how: str) -> str:
    """Write a module that misbehaves when a node imports it; return its actor as a node type."""
    name = f"culprit_{abs(hash(str(path)))}"
    path.with_name(f"{name}.py").write_text(
        "from tests.session import culprit\n"
        f"culprit.misbehave_in_a_node({how!r}, {str(path)!r})\n"
        "class Culprit(culprit.Culprit):\n    pass\n"
    )
    return name


async def end_a_hanging_one(
    runtime: Runtime, pipeline: Manifest, when: str, pipe: Path, *, beside: bool
) -> None:
    """Leave a session whose node neither returns nor listens to SIGTERM."""
    async with healthy_beside(runtime, there=beside):
        try:
            async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
                nursery.start_soon(drive, session, when)
                pid = int(await trio.Path(pipe).read_text())
                nursery.cancel_scope.cancel()
        except NodeError as error:
            if when != "cleanup" or error.node_id != "culprit":
                raise  # else the stream had ended, so that its cleaning up was waited for
        assert is_gone(pid)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_an_end_while_the_process_starts_is_detected(
    hasty: Runtime, number: signal.Signals, where: str
) -> None:
    pipeline = around(where, "Culprit", {"when": "never"})
    with pytest.raises(ProcessExitError, match=f"'culprit'.*{number.name}"):
        async with hasty.open_session(pipeline) as session:
            while "culprit" not in session.processes():
                await trio.lowlevel.checkpoint()
            os.kill(session.processes()["culprit"], number)
            await trio.sleep_forever()
