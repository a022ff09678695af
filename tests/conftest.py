"""Fixtures of all rooms: a warm forkserver, a runtime, and a check for leftovers."""

import gc
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from actors import Actor
from runtime import Runtime, RuntimeConfig, open_runtime
from runtime.config import ExecutorSettings, Files, Origin, Source, with_value
from runtime.execution.process import Forkserver
from runtime.executors import BUILT_IN, ExecutorFactory, MultiprocessExecutor, open_hosts
from runtime.plan import Place
from runtime.testing.warm_forkserver import WarmForkserver
from tests.execution import specimens as execution_specimens
from tests.executors import batched_specimens
from tests.latency import specimens as latency_specimens
from tests.links import specimens as link_specimens
from tests.service import specimens as service_specimens
from tests.session import background_actors, culprit, liar, source_actors, specimens
from tests.talk import specimens as talk_specimens
from tests.tracing import specimens as tracing_specimens

SPECIMENS = {
    name: found
    for module in (
        specimens,
        culprit,
        liar,
        source_actors,
        background_actors,
        service_specimens,
        execution_specimens,
        batched_specimens,
        link_specimens,
        talk_specimens,
        latency_specimens,
        tracing_specimens,
    )
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, Actor) and found is not Actor
}
WITH_FORKSERVER = {"forkserver", "warm_forkserver", "actor_kit"}
_GRPC_SECONDS = 15.0
# Threads that end by themselves, a moment after what they did: trio's workers, which have the name
# of their job until they wait for the next one, and those of gRPC and of http.server.
_END_SOON = re.compile(r".* from .*|Thread-\d+ \((_run|process_request_thread)\)")
# Tests of these rooms and files start nothing in this process, so they do not pay for the check.
WITHOUT_CHECK = {"catalogue", "config", "documents", "manifest", "plan", "test_structure.py"}
SEGMENTS = Path("/dev/shm")
ROOT = Path(tempfile.gettempdir(), f"millrace-{os.getuid()}")

# A busy machine may need any time for one example; hypothesis would call that a failure.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep descriptions of node types in a folder of the tests, also those of commands they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def forkserver(warm_forkserver: WarmForkserver) -> tuple[Forkserver, int]:
    """One warm forkserver for all tests, and its process id."""
    return warm_forkserver.forkserver, warm_forkserver.pid


OpenRuntime = Callable[[RuntimeConfig], AbstractAsyncContextManager[Runtime]]


@pytest.fixture
def runtime_with(forkserver: tuple[Forkserver, int]) -> OpenRuntime:
    """Open a runtime with other settings, on the warm forkserver."""
    return runtime_opener(forkserver)


def runtime_opener(forkserver: tuple[Forkserver, int]) -> OpenRuntime:
    """Return a function that opens a runtime on a warm forkserver, with the specimens.

    Manifests may run any node type natively, so that tests can compare both places.
    """

    @asynccontextmanager
    async def open_executor(
        _config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[MultiprocessExecutor]:
        yield MultiprocessExecutor(forkserver[0])

    def open_it(config: RuntimeConfig) -> AbstractAsyncContextManager[Runtime]:
        tests = Origin(Source.CODE, "tests")
        config = with_value(config, "routing.native_override_types", ["*"], tests)
        factory = ExecutorFactory(uses_processes=True, place=Place.MACHINE, open=open_executor)
        shared = replace(BUILT_IN["shared"], open=partial(open_hosts, forkserver[0]))
        executors = {"multiprocess": factory, "shared": shared}
        return open_runtime(config, node_types=SPECIMENS, executors=executors)

    return open_it


@pytest.fixture
async def runtime(runtime_with: OpenRuntime) -> AsyncIterator[Runtime]:
    """A runtime with default settings, on the warm forkserver."""
    async with runtime_with(RuntimeConfig(files=Files(roots=("/somewhere",)))) as opened:
        yield opened


def leftovers(forkserver_pid: int) -> dict[str, list[str]]:
    """Return everything that a session of this process could leave behind, by kind.

    Names of segments and files begin with the process id, and only children of this process count,
    so tests may run in several processes at once.
    """
    own = psutil.Process()
    processes = [
        p
        for p in own.children(recursive=True)
        # One browser is for all tests of its room; it starts and ends processes of its own.
        if p.pid != forkserver_pid and (name := name_of(p)) and not name.startswith("chrom")
    ]
    descriptors = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            descriptors.append(os.readlink(f"/proc/self/fd/{name}"))
    if "grpc" in sys.modules:
        # Its threads open and close them at any time, also long after the test that used it. Of the
        # runtime, only the writer of the log opens one in this process.
        descriptors = [each for each in descriptors if each != "anon_inode:[eventfd]"]
    return {
        "processes": [f"{p.pid} {name_of(p)}" for p in processes],
        "segments": [p.name for p in SEGMENTS.glob(f"mr{os.getpid():x}-*")],
        "files": [str(p) for p in ROOT.glob(f"{os.getpid():x}-*")],
        "descriptors": sorted(d for d in descriptors if d.startswith(("socket", "pipe", "anon"))),
        # trio keeps idle worker threads for some seconds, to use them again.
        "threads": [t.name for t in threading.enumerate() if not t.name.startswith("Trio thread")],
    }


def name_of(process: psutil.Process) -> str:
    """Return the name of a process; "" if it has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> None:
    """Exclude what earlier tests have imported from the collection after each test.

    It takes some milliseconds then, and a tenth of a second with the libraries of all tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def whole_heap_at_the_end() -> Iterator[None]:
    """Let the collector find everything again when all tests are done."""
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, a segment, a file, a descriptor or a thread behind."""
    path = Path(request.node.path)
    if {path.name, path.parent.name} & WITHOUT_CHECK:
        yield
        return
    warm = WITH_FORKSERVER & set(request.fixturenames)
    pid = request.getfixturevalue("forkserver")[1] if warm else -1
    before = leftovers(pid)
    yield
    gc.collect()
    new = new_leftovers(before, pid)
    # gRPC's threads open sockets too, when a channel of an earlier test connects again; they give
    # up by themselves. There is nothing to wait for but time.
    deadline = time.monotonic() + _GRPC_SECONDS
    while ends_soon(new) and time.monotonic() < deadline:
        time.sleep(0.2)
        new = new_leftovers(before, pid)
    assert not new, new


def ends_soon(new: dict[str, list[str]]) -> bool:
    """Return whether all that is left ends by itself."""
    return (
        bool(new)
        and new.keys() <= {"descriptors", "threads"}
        and ("descriptors" not in new or "threads" in new or "grpc" in sys.modules)
        and all(_END_SOON.fullmatch(name) for name in new.get("threads", ()))
    )


def new_leftovers(before: dict[str, list[str]], forkserver_pid: int) -> dict[str, list[str]]:
    """Return what is left now and was not before; an earlier test may have closed something."""
    after = leftovers(forkserver_pid)
    new = {kind: list((Counter(after[kind]) - Counter(before[kind])).elements()) for kind in after}
    return {kind: found for kind, found in new.items() if found}
