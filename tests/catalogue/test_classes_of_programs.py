"""Classes that the running program defines: a script, a module, a command line, a dialogue."""

import sys
from pathlib import Path

import pytest

from runtime import ManifestError, RuntimeConfig
from runtime.catalogue import Catalogue, build_catalogue
from runtime.plan import plan_manifest
from tests.cli.commands import python

NODE = """
import trio
from actors import Actor, Kind, Params, Text
from actors.testing import check_actor
from runtime import open_runtime

class ShoutNode(Actor[Params]):
    '''Make text upper case.'''
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})
    def process(self, item: Text) -> Text:
        return Text(MARK + item.text.upper())

MARK = "!"
MANIFEST = {
    "version": "v1",
    "metadata": {
        "name": "x",
        "multiprocess": {"executor_overrides": {"a": "native", "b": "multiprocess"}},
    },
    "nodes": [{"id": "a", "node_type": "Shout"}, {"id": "b", "node_type": "Shout"}],
    "connections": [{"from": "a", "to": "b"}],
}

async def main(kind=ShoutNode):
    async with open_runtime(node_types={"Shout": kind}) as runtime:
        async with runtime.open_session(MANIFEST) as session:
            await session.send(Text("hi"))
            await session.close_input()
            async for result in session:
                print(result.data.text)

"""
GUARDED = 'if __name__ == "__main__":\n    trio.run(main)\n'
IMPORTING = "from beside import SIGN\n" + NODE.replace('MARK = "!"', "MARK = SIGN") + GUARDED
CLASS = "class" + NODE.partition("class")[2].partition("\nMARK")[0]
TYPED = f"MARK = '-'\n{CLASS}\n\ntrio.run(main, ShoutNode)\n"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a script and a package, each with a module beside it."""
    (tmp_path / "beside.py").write_text("SIGN = '?'\n")
    (tmp_path / "app.py").write_text(IMPORTING)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "beside.py").write_text("SIGN = '.'\n")
    relative = IMPORTING.replace("from beside", "from .beside")
    (tmp_path / "package" / "app.py").write_text(relative)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        (["app.py"], "", "??HI"),
        (["-m", "package.app"], "", "..HI"),
        (["-c", NODE + "trio.run(main)"], "", "!!HI"),
        (["-"], NODE + "trio.run(main)\n", "!!HI"),
        # Typed after a script has run, whose file has another class of that name.
        (["-i", "app.py"], TYPED, "--HI"),
    ],
    ids=["script", "module", "command", "standard input", "dialogue"],
)
def test_a_class_of_the_program_runs_natively_and_in_a_process(
    programs: Path, arguments: list[str], given: str, expected: str
) -> None:
    done = python(*arguments, folder=programs, given=given)
    assert done.stdout.splitlines()[-1:] == [expected], done.stderr


@pytest.mark.parametrize(
    ("last_line", "arguments"),
    [("trio.run(main)", ["app.py"]), ("check_actor(ShoutNode)", ["-m", "app"])],
)
def test_a_program_that_would_run_again_in_its_node_processes_is_refused(
    tmp_path: Path, last_line: str, arguments: list[str]
) -> None:
    text = f"{NODE}print('began')\n{last_line}\n"
    (tmp_path / "app.py").write_text(text)
    done = python(*arguments, folder=tmp_path)
    assert done.stdout == "began\n"
    error = done.stderr.splitlines()[-1]
    line = len(text.splitlines())
    assert f"line {line} of app.py runs a pipeline, and would run in every node process" in error
    assert 'put the code that runs a pipeline under if __name__ == "__main__":' in error


def test_a_program_without_a_guard_may_run_a_class_of_a_function(tmp_path: Path) -> None:
    made = (
        "def make():\n"
        "    class Inner(ShoutNode):\n"
        "        pass\n"
        "    return Inner\n"
        "trio.run(main, make())\n"
    )
    (tmp_path / "app.py").write_text(NODE + made)
    done = python("app.py", folder=tmp_path)
    assert done.stdout == "!!HI\n", done.stderr


def test_a_pipeline_does_not_start_because_its_file_is_imported(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(f"{NODE}trio.run(main)\n")
    (tmp_path / "m.json").write_text(
        '{"version": "v1", "metadata": {"name": "x"}, "connections": [],'
        ' "nodes": [{"id": "n", "node_type": "ShoutNode"}]}'
    )
    arguments = ("-P", "-m", "runtime", "validate", "m.json", "--nodes", "app.py")
    done = python(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "open_runtime() was called while" in done.stderr
    assert 'put the code that runs a pipeline under if __name__ == "__main__":' in done.stderr


@pytest.mark.parametrize("name", ["__main__:ShoutNode", "ShoutNode", "__main__", "os:system"])
def test_a_manifest_names_no_class_that_is_not_registered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue: Catalogue = build_catalogue(RuntimeConfig())
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(NODE, namespace)
    monkeypatch.setattr(sys.modules["__main__"], "ShoutNode", namespace["ShoutNode"], raising=False)
    manifest = {
        "version": "v1",
        "metadata": {"name": "x"},
        "nodes": [{"id": "n", "node_type": name}],
        "connections": [],
    }
    with pytest.raises(ManifestError, match="no node type"):
        plan_manifest(manifest, config=RuntimeConfig(), catalogue=catalogue)
