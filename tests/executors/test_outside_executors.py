"""An installed distribution may bring an executor along."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from actors import Text
from runtime import ConfigError, RuntimeConfig, open_runtime
from runtime.executors import BUILT_IN, installed_executors
from tests.conftest import SPECIMENS
from tests.session.pipelines import chain, run_through

MODULE = """
from contextlib import asynccontextmanager
from runtime.executors.native import NativeExecutor

class CountingExecutor(NativeExecutor):
    nodes = []
    async def run(self, task):
        self.nodes.append(task.node_id)
        await super().run(task)

@asynccontextmanager
async def open_counting(config):
    yield CountingExecutor()
"""


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers the executor "counting"."""
    (tmp_path / "millrace_counting.py").write_text(MODULE)
    info = tmp_path / "millrace_counting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: millrace-counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[millrace.executors]\ncounting = millrace_counting:open_counting\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("distribution")
async def test_an_installed_executor_runs_the_nodes_that_a_manifest_gives_it() -> None:
    async with open_runtime(RuntimeConfig(), node_types=SPECIMENS) as runtime:
        assert "millrace_counting" not in sys.modules
        pipeline = chain("PassThrough", ["counting", "native", "counting"])
        results = await run_through(runtime, pipeline, [Text("x")])
    assert [result.data for result in results] == [Text("x")]
    assert sorted(sys.modules["millrace_counting"].CountingExecutor.nodes) == ["n0", "n2"]


async def test_an_executor_that_does_not_load_says_which() -> None:
    point = EntryPoint("gone", "millrace_nowhere:open_it", "millrace.executors")
    factory = installed_executors(BUILT_IN, installed=[point])["gone"]
    with pytest.raises(ConfigError, match="'gone': millrace_nowhere:open_it cannot be loaded"):
        factory(RuntimeConfig())


def test_no_distribution_takes_the_name_of_another_executor() -> None:
    points = [EntryPoint(name, "a:b", "millrace.executors") for name in ("native", "x", "x")]
    with pytest.raises(ConfigError, match="executor 'native'.*one of that name") as caught:
        installed_executors(BUILT_IN, installed=points)
    assert len(caught.value.faults) == 2
