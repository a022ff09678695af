"""`millrace validate` and `millrace nodes`: what they print, where, and with which status."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.commands import millrace, write_manifest

LEVEL: dict[str, object] = {"id": "level", "node_type": "AudioLevelNode"}
TWICE: dict[str, object] = {"id": "twice", "node_type": "MultiplyNode"}


def test_validate_shows_the_executor_of_each_node_and_why(tmp_path: Path) -> None:
    done = millrace("validate", write_manifest(tmp_path, LEVEL, TWICE), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "registered: AudioLevelNode -> native" in done.stdout
    assert "pattern *Node (priority 100) -> multiprocess" in done.stdout


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (["PassThrough"], "every node is stateless"),
        (["PassThrough", "EchoNode"], "with the state of n1, where server.state_key_file is set"),
        (["EchoNode", "FastResampleNode"], "do not export a state: n1 (FastResampleNode)"),
    ],
)
def test_validate_tells_whether_a_stream_may_move(
    tmp_path: Path, types: list[str], words: str
) -> None:
    nodes: list[dict[str, object]] = [
        {"id": f"n{place}", "node_type": kind} for place, kind in enumerate(types)
    ]
    done = millrace("validate", write_manifest(tmp_path, *nodes), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert words in " ".join(done.stdout.split())


def test_validate_draws_pictures(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, LEVEL, TWICE)
    done = millrace("validate", manifest, "--svg", "plan.svg", "--dot", "-", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("digraph ")
    texts = ElementTree.parse(tmp_path / "plan.svg").getroot().itertext()
    assert {"level", "twice", "AudioLevelNode", "MultiplyNode"} <= set(texts)


def test_validate_lists_all_faults_on_stderr(tmp_path: Path) -> None:
    faulty = {**TWICE, "params": {"factor": "two"}, "speed": 3}
    unknown: dict[str, object] = {"id": "level", "node_type": "AudioLevelNod"}
    done = millrace("validate", write_manifest(tmp_path, unknown, faulty), folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    for part in ('did you mean "AudioLevelNode"?', "param factor", "speed", "3 faults"):
        assert part in done.stderr


def test_nodes_lists_all_types_and_shows_the_params_of_one(tmp_path: Path) -> None:
    assert "PocketSphinxNode" in millrace("nodes", folder=tmp_path).stdout
    shown = millrace("nodes", "MultiplyNode", folder=tmp_path).stdout
    assert "factor" in shown
    assert "default 2.0" in shown
    told = json.loads(millrace("nodes", "MultiplyNode", "--json", folder=tmp_path).stdout)
    assert told["name"] == "MultiplyNode"


def test_a_type_that_there_is_not_is_status_2(tmp_path: Path) -> None:
    done = millrace("nodes", "MultiplNode", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'did you mean "MultiplyNode"?' in done.stderr


def test_nodes_of_a_file_are_listed_beside_those_that_come_along(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "from actors import Actor\n\n\n"
        "class MineNode(Actor):\n"
        '    """Hand everything on."""\n\n'
        "    def process(self, item):\n        return item\n"
    )
    done = millrace("nodes", "--json", "--nodes", "mine.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f'"{tmp_path / "mine.py"}:MineNode"' in done.stdout
    assert '"EchoNode"' in done.stdout
    done = millrace("nodes", "--nodes", "missing.py", folder=tmp_path)
    assert done.returncode == 2
    assert "expected NAME=module:Class, or a .py file or folder that exists" in done.stderr


def test_validate_lenient_lists_keys_of_the_older_service_as_warnings(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, {**TWICE, "python_deps": ["numpy"]})
    strict = millrace("validate", manifest, folder=tmp_path)
    assert strict.returncode == 2
    assert "python_deps: is a key of the older service; install the packages" in strict.stderr
    lenient = millrace("validate", "--lenient", manifest, folder=tmp_path)
    assert lenient.returncode == 0
    assert "warning: " in lenient.stderr
    assert "python_deps" in lenient.stderr
    assert "MultiplyNode" in lenient.stdout


def test_nodes_shows_the_aliases_of_a_type(tmp_path: Path) -> None:
    assert "Alias: Echo" in millrace("nodes", folder=tmp_path).stdout
    shown = json.loads(millrace("nodes", "Echo", "--json", folder=tmp_path).stdout)
    assert (shown["name"], shown["aliases"]) == ("EchoNode", ["Echo"])
