"""A user's files may have the names of other modules: of Python, of libraries, of Millrace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import python

OURS_AND_OTHERS = ("actors", "runtime", "types", "queue", "numpy", "trio", "random", "logging")
NODE = """
from actors import Actor, Kind, Params, Text

class UpperNode(Actor[Params]):
    '''Make text upper case.'''
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})
    def process(self, item: Text) -> Text:
        return Text(item.text.upper())
"""


def manifest(folder: Path, node_type: str, executor: str = "multiprocess") -> None:
    overrides = {"executor_overrides": {"n": executor}}
    value = {
        "version": "v1",
        "metadata": {"name": "x", "multiprocess": overrides},
        "nodes": [{"id": "n", "node_type": node_type}],
        "connections": [],
    }
    (folder / "m.json").write_text(json.dumps(value))


def millrace(*arguments: str, folder: Path, given: str = "") -> "subprocess.CompletedProcess[str]":
    # The installed command does not have the current folder in its path either.
    return python("-P", "-m", "runtime", *arguments, folder=folder, given=given)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder with modules and packages that nobody may import."""
    for name in OURS_AND_OTHERS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__file__} was imported')")
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('package was imported')")
    return tmp_path


@pytest.mark.parametrize("executor", ["native", "multiprocess"])
def test_the_current_folder_hides_no_module(crowded: Path, executor: str) -> None:
    manifest(crowded, "EchoNode", executor)
    done = millrace("run", "m.json", "-q", "--input-kind", "lines", folder=crowded, given="hi\n")
    assert "Echo #1: hi" in done.stdout, done.stderr


def test_the_current_folder_hides_no_module_of_another_interpreter(crowded: Path) -> None:
    manifest(crowded, "EchoNode")
    toml = f"[multiprocess]\npython_executable = {json.dumps(sys.executable)}\n"
    (crowded / "runtime.toml").write_text(toml)
    done = millrace("run", "m.json", "-q", "--input-kind", "lines", folder=crowded, given="hi\n")
    assert "Echo #1: hi" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "executor"),
    [("random", "native"), ("runtime", "multiprocess"), ("my-node", "multiprocess")],
)
def test_a_node_file_may_have_any_name(tmp_path: Path, name: str, executor: str) -> None:
    (tmp_path / f"{name}.py").write_text(NODE)
    manifest(tmp_path, "UpperNode", executor)
    by_file, by_class = f"{name}.py", f"UpperNode={name}.py:UpperNode"
    done = millrace("validate", "m.json", "--nodes", by_file, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for nodes in (by_file, by_class):
        done = millrace("run", "m.json", "-q", "--nodes", nodes, folder=tmp_path, given="hi")
        assert done.stdout == "HI\n", done.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Random", "a module random exists already"),
        ("Trio", "a module trio exists already"),
        ("Class", "class is a keyword of Python"),
        ("EchoNode", "a built-in node type has this name"),
        ("Text", "the node imports Text from actors"),
    ],
)
def test_new_refuses_a_name_that_its_test_could_not_import(
    tmp_path: Path, name: str, reason: str
) -> None:
    done = millrace("new", name, folder=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "choose another name" in done.stderr
    assert list(tmp_path.iterdir()) == []
