"""An installed distribution, or an application, may bring its own executors."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import trio

from actors import Text
from runtime import (
    ConfigError,
    ErrorType,
    LimitError,
    MillraceError,
    NodeError,
    PipelineError,
    Runtime,
    RuntimeConfig,
    open_runtime,
)
from runtime.config import ExecutorSettings, Limits, Routing, parse_config
from runtime.executors import (
    BUILT_IN,
    ExecutorFactory,
    NativeExecutor,
    NodeTask,
    factory_of,
    open_multiprocess_executor,
    open_native_executor,
)
from runtime.plan import (
    BUILT_IN_EXECUTORS,
    ExecutorDeclaration,
    Place,
    declaration_of,
    installed_executors,
)
from tests.conftest import SPECIMENS
from tests.session.pipelines import chain, run_through

MODULE = """
from contextlib import asynccontextmanager
from runtime.executors import ExecutorFactory, NativeExecutor

class CountingExecutor(NativeExecutor):
    nodes = []
    async def run(self, task):
        self.nodes.append(task.node_id)
        await super().run(task)

@asynccontextmanager
async def open_counting(config, settings):
    yield CountingExecutor()

counting = ExecutorFactory(open=open_counting, uses_processes=False)
"""


def entry(value: str, name: str = "outside") -> EntryPoint:
    return EntryPoint(name, value, "millrace.executors")


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers the executor "counting", and one that cannot be imported."""
    (tmp_path / "millrace_counting.py").write_text(MODULE)
    (tmp_path / "millrace_exiting.py").write_text("import sys\nsys.exit(3)\n")
    info = tmp_path / "millrace_counting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: millrace-counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[millrace.executors]\n"
        "counting = millrace_counting:counting\n"
        "exiting = millrace_exiting:factory\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "millrace_counting", raising=False)


def opened(
    config: RuntimeConfig | None = None, **executors: ExecutorFactory
) -> AbstractAsyncContextManager[Runtime]:
    return open_runtime(config or RuntimeConfig(), node_types=SPECIMENS, executors=executors)


ENABLED = parse_config("executors = {counting.enabled = true, exiting.enabled = true}")


@pytest.mark.usefixtures("distribution")
async def test_an_installed_executor_runs_the_nodes_that_a_manifest_gives_it() -> None:
    async with opened(ENABLED) as runtime:
        assert "millrace_counting" not in sys.modules
        pipeline = chain("PassThrough", ["counting", "native", "counting"])
        results = await run_through(runtime, pipeline, [Text("x")])
    assert [result.data for result in results] == [Text("x")]
    assert sorted(sys.modules["millrace_counting"].CountingExecutor.nodes) == ["n0", "n2"]


@pytest.mark.usefixtures("distribution")
async def test_an_executor_that_cannot_be_imported_fails_only_the_sessions_that_name_it() -> None:
    async with opened(ENABLED) as runtime:
        with pytest.raises(ConfigError, match="'exiting': millrace_exiting:factory cannot be lo"):
            await run_through(runtime, chain("PassThrough", ["exiting"]), [Text("x")])
        assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("millrace_nowhere:it", "millrace_nowhere:it cannot be loaded: ModuleNotFoundError"),
        ("json:dumps", "is an object of type function; expected a runtime.executors.ExecutorF"),
        ("runtime.plan:NATIVE", "is an object of type str; expected"),
    ],
)
def test_an_entry_point_that_is_no_executor_is_an_error_that_names_it(
    value: str, reason: str
) -> None:
    executor = installed_executors(installed=[entry(value)])["outside"]
    with pytest.raises(ConfigError, match="^executor 'outside': ") as caught:
        factory_of("outside", executor)
    assert reason in str(caught.value)


def test_a_declaration_without_a_factory_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="'outside': is declared, but has no factory"):
        factory_of("outside", BUILT_IN_EXECUTORS["native"])


def test_no_distribution_takes_the_name_of_another_executor() -> None:
    points = [entry("a:b", name) for name in ("native", "x", "x")]
    with pytest.raises(ConfigError, match="executor 'native'.*is already in use") as caught:
        installed_executors(installed=points)
    assert len(caught.value.faults) == 2


def test_the_built_in_factories_declare_what_plans_assume() -> None:
    names = [each.name for each in fields(ExecutorDeclaration)]
    assert BUILT_IN.keys() == BUILT_IN_EXECUTORS.keys()
    for name, factory in BUILT_IN.items():
        declared = declaration_of(BUILT_IN_EXECUTORS[name])
        assert [getattr(factory, each) for each in names] == [
            getattr(declared, each) for each in names
        ]


OUTSIDE = ExecutorFactory(uses_processes=True, place=Place.MACHINE, open=open_multiprocess_executor)


async def test_the_processes_of_an_outside_executor_count_against_every_limit() -> None:
    config = RuntimeConfig(limits=Limits(max_total_processes=3))
    async with opened(config, outside=OUTSIDE) as runtime:
        pipeline = chain("PassThrough", ["outside", "native", "outside"])
        plan = runtime.plan(pipeline)
        assert plan.process_count == 2
        assert [node.uses_process for node in plan.nodes] == [True, False, True]
        with pytest.raises(LimitError, match="nodes need a process of their own"):
            runtime.plan(chain("PassThrough", ["outside", "outside"], max_processes_per_session=1))
        async with runtime.open_session(pipeline):
            assert runtime.capacity.processes == 2
            with pytest.raises(LimitError, match=r"needs 2 processes, 2 run.*is 3"):
                await run_through(runtime, pipeline, [Text("x")])
        results = await run_through(runtime, pipeline, [Text("x")])
        assert [result.data for result in results] == [Text("x")]


async def test_an_outside_executor_without_processes_needs_none() -> None:
    config = RuntimeConfig(
        limits=Limits(max_total_processes=1), routing=Routing(default_executor="outside")
    )
    factory = ExecutorFactory(uses_processes=False, open=open_native_executor)
    async with opened(config, outside=factory) as runtime:
        pipeline = chain("PassThrough", ["outside", "outside", "outside"])
        assert runtime.plan(pipeline).process_count == 0
        assert await run_through(runtime, pipeline, [Text("x")])


class BrokenExecutor(NativeExecutor):
    """Fails while it runs a node."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def run(self, task: NodeTask) -> None:
        """Fail."""
        raise self._error


def broken(error: BaseException) -> ExecutorFactory:
    @asynccontextmanager
    async def open_it(
        _config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[BrokenExecutor]:
        yield BrokenExecutor(error)

    return ExecutorFactory(uses_processes=False, open=open_it)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no more slots"),
        ExceptionGroup("tasks", [ValueError("no more slots")]),
        SystemExit("no more slots"),
        BaseExceptionGroup("tasks", [GeneratorExit("no more slots")]),
    ],
    ids=repr,
)
async def test_an_error_of_an_executor_names_executor_and_node_and_ends_only_its_session(
    error: BaseException,
) -> None:
    async with (
        opened(outside=broken(error)) as runtime,
        runtime.open_session(chain("PassThrough", ["native"])) as other,
    ):
        with pytest.raises(NodeError, match="node 'n0': executor 'outside' raised") as caught:
            await run_through(runtime, chain("PassThrough", ["outside"]), [Text("x")])
        assert caught.value.error_type is ErrorType.INTERNAL
        assert "no more slots" in str(caught.value)
        assert "no more slots" in caught.value.stack_trace
        await other.send(Text("y"))
        assert (await other.receive()).data == Text("y")


async def test_an_error_of_the_runtime_in_an_executor_s_own_nursery_keeps_its_class() -> None:
    group = ExceptionGroup("tasks", [NodeError("n0", "the graph does not compile")])
    async with opened(outside=broken(group)) as runtime:
        with pytest.raises(NodeError, match="^node 'n0': the graph does not compile$"):
            await run_through(runtime, chain("PassThrough", ["outside"]), [Text("x")])


@pytest.mark.parametrize("error", [OSError("no such device"), PipelineError("no such device")])
async def test_an_executor_that_cannot_be_opened_fails_only_the_sessions_that_name_it(
    error: Exception,
) -> None:
    attempts = []

    @asynccontextmanager
    async def open_it(
        config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[NativeExecutor]:
        attempts.append(config)
        if len(attempts) == 1:
            raise error
        yield NativeExecutor()

    async with opened(outside=ExecutorFactory(uses_processes=False, open=open_it)) as runtime:
        pipeline = chain("PassThrough", ["outside"])
        with pytest.raises(PipelineError, match="no such device") as caught:
            await run_through(runtime, pipeline, [Text("x")])
        assert isinstance(caught.value, MillraceError)
        assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])
        assert await run_through(runtime, pipeline, [Text("x")])


async def test_an_executor_that_fails_between_sessions_is_opened_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = trio.Event()
    attempts = []

    @asynccontextmanager
    async def open_it(
        config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[NativeExecutor]:
        attempts.append(config)

        async def watch() -> None:
            await failing.wait()
            raise OSError("the device is gone")

        async with trio.open_nursery() as nursery:
            if len(attempts) == 1:
                nursery.start_soon(watch)
            yield NativeExecutor()
            nursery.cancel_scope.cancel()

    async with opened(outside=ExecutorFactory(uses_processes=False, open=open_it)) as runtime:
        pipeline = chain("PassThrough", ["outside"])
        assert await run_through(runtime, pipeline, [Text("x")])
        failing.set()
        await trio.testing.wait_all_tasks_blocked()
        assert await run_through(runtime, pipeline, [Text("x")])
        assert len(attempts) == 2
    assert "executor outside failed" in caplog.text
    assert "the device is gone" in caplog.text
