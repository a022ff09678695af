"""Tests that are written from recordings, run by pytest as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors import Json
from runtime import NodeError, RuntimeConfig, open_runtime
from runtime.recording import RecordingError, open_recording, record, write_node_test

EXECUTORS = ["native", "multiprocess"]
ROOT = Path(__file__).parents[2]
BROKEN = """
from actors import Actor, Json, Kind

class Halve(Actor):
    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})

    def process(self, data):
        return Json(1 / data.value)
"""
FIXED = BROKEN.replace("1 / data.value", "1 / data.value if data.value else 0")


async def record_it(
    folder: Path,
    executor: str,
    values: list[float],
    target: str = "halves_of_a_test:Halve",
) -> Path:
    path = folder / "session.mcap"
    manifest = {
        "version": "v1",
        "metadata": {
            "name": "halves",
            "multiprocess": {"executor_overrides": {"halve": executor, "in": "native"}},
        },
        "nodes": [{"id": "in", "node_type": "PassThrough"}, {"id": "halve", "node_type": "Halve"}],
        "connections": [{"from": "in", "to": "halve"}],
    }
    config = RuntimeConfig(nodes={"Halve": target})
    async with (
        open_runtime(config) as runtime,
        runtime.open_session(manifest) as session,
        record(session, path),
    ):
        for value in values:
            await session.send(Json(value))
        await session.close_input()
        async for _ in session:
            pass
    return path


def run_pytest(folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    # Written tests need no other plugin than ours; pytest-trio imports hypothesis, for 1.3 s.
    without = ["-p", "no:cacheprovider", "-p", "no:trio", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", "-q", *without, "tests"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "halves_of_a_test.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "halves_of_a_test", raising=False)
    return tmp_path


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_failure_becomes_a_failing_test_that_passes_once_the_node_is_fixed(
    folder: Path, executor: str
) -> None:
    with pytest.raises(NodeError, match="ZeroDivisionError"):
        await record_it(folder, executor, [1.0, 0.0])
    test = write_node_test(open_recording(folder / "session.mcap"), "halve", folder / "tests")
    assert "ZeroDivisionError" in test.read_text()
    failed = run_pytest(folder)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "ZeroDivisionError" in failed.stdout
    (folder / "halves_of_a_test.py").write_text(FIXED)
    passed = run_pytest(folder)
    assert passed.returncode == 0, passed.stdout + passed.stderr


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_recorded_behaviour_becomes_a_test_that_fails_when_it_changes(
    folder: Path, executor: str
) -> None:
    path = await record_it(folder, executor, [1.0, 2.0, 4.0])
    write_node_test(open_recording(path), "halve", folder / "tests")
    passed = run_pytest(folder)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (folder / "halves_of_a_test.py").write_text(BROKEN.replace("1 / ", "2 / "))
    failed = run_pytest(folder)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "halve output 0: value was 1.0, is 2.0" in failed.stdout


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_node_file_that_no_import_finds_becomes_a_test_by_its_path(
    folder: Path, executor: str
) -> None:
    file = folder / "nodes" / "one-node.py"
    file.parent.mkdir()
    file.write_text(BROKEN)
    path = await record_it(folder, executor, [1.0, 2.0], f"{file}:Halve")
    test = write_node_test(open_recording(path), "halve", folder / "tests")
    assert str(folder) not in test.read_text()  # the project can be moved
    passed = run_pytest(folder)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    file.write_text(BROKEN.replace("1 / ", "2 / "))
    failed = run_pytest(folder)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "halve output 0: value was 1.0, is 2.0" in failed.stdout
    file.unlink()
    with pytest.raises(RecordingError, match=r"'halve' is not here: .*one-node\.py"):
        write_node_test(open_recording(path), "halve", folder / "tests")


async def test_a_node_that_was_not_recorded_is_refused(folder: Path) -> None:
    path = await record_it(folder, "native", [1.0])
    with pytest.raises(RecordingError, match="no node 'nobody'; it has in, halve"):
        write_node_test(open_recording(path), "nobody", folder)
