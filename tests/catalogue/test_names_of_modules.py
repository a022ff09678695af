"""A user's files may have the names of other modules: of Python, of libraries, of Millrace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import environment

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
SCRIPT = f"""
import trio
from actors import Text
from runtime import open_runtime
{NODE}
EXECUTOR = "multiprocess"
MANIFEST = {{
    "version": "v1",
    "metadata": {{"name": "x", "multiprocess": {{"executor_overrides": {{"u": EXECUTOR}}}}}},
    "nodes": [{{"id": "u", "node_type": "UpperNode"}}],
    "connections": [],
}}

async def main():
    async with open_runtime(node_types={{"UpperNode": UpperNode}}) as runtime:
        async with runtime.open_session(MANIFEST) as session:
            await session.send(Text("hi"))
            await session.close_input()
            async for result in session:
                print(result.data.text)
"""
GUARD = """
if __name__ == "__main__":
    trio.run(main)
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


def python(*arguments: str, folder: Path, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )


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


@pytest.mark.parametrize("executor", ["native", "multiprocess"])
def test_a_class_of_the_running_script_runs(tmp_path: Path, executor: str) -> None:
    (tmp_path / "app.py").write_text(SCRIPT.replace('"multiprocess"\n', f'"{executor}"\n') + GUARD)
    for arguments in (("app.py",), ("-m", "app")):
        done = python(*arguments, folder=tmp_path)
        assert done.stdout == "HI\n", done.stderr


def test_a_script_that_runs_when_it_is_imported_gets_advice(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SCRIPT + "\ntrio.run(main)\n")
    done = python("app.py", folder=tmp_path)
    assert 'put the code that runs a pipeline under if __name__ == "__main__":' in done.stderr


def test_a_class_without_a_file_runs_natively_and_is_refused_elsewhere(tmp_path: Path) -> None:
    script = SCRIPT + GUARD
    native = script.replace('"multiprocess"\n', '"native"\n')
    assert python("-", folder=tmp_path, given=native).stdout == "HI\n"
    refused = python("-", folder=tmp_path, given=script).stderr.splitlines()[-1]
    assert "executor_overrides.u" in refused
    assert "UpperNode is defined in __main__" in refused
    assert "move the class to a module of its own, or run it natively" in refused


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
