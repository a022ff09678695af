"""run --record, inspect and replay, as a user types them."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import millrace, write_manifest

NUMBERS = "".join(json.dumps({"value": value}) + "\n" for value in (1, 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recording of all nodes."""
    expand: dict[str, object] = {"id": "expand", "node_type": "ExpanderNode"}
    double: dict[str, object] = {"id": "double", "node_type": "MultiplyNode"}
    manifest = write_manifest(tmp_path, expand, double)
    (tmp_path / "in.jsonl").write_text(NUMBERS)
    options = ("--record", "r.mcap", "--record-all", "--quiet")
    run = millrace("run", manifest, "-i", "in.jsonl", *options, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 6
    return tmp_path


def test_a_recorded_run_can_be_inspected_and_replayed(folder: Path) -> None:
    inspected = millrace("inspect", "r.mcap", "--json", folder=folder)
    value = json.loads(inspected.stdout)
    counts = {(each["node"], each["side"]): each["items"] for each in value["streams"]}
    assert counts == {("expand", "in"): 2, ("expand", "out"): 6, ("double", "out"): 6}
    assert value["complete"]
    followed = millrace("inspect", "r.mcap", "--follow", "1", folder=folder)
    assert followed.stdout.count("double") == 3
    replayed = millrace("replay", "r.mcap", folder=folder)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.count("the same") == 2


def test_a_replay_that_differs_exits_with_1_and_shows_the_differences(folder: Path) -> None:
    text = (folder / "pipeline.json").read_text()
    other = text.replace('"MultiplyNode"', '"MultiplyNode", "params": {"factor": 3}')
    (folder / "other.json").write_text(other)
    replayed = millrace("replay", "r.mcap", "other.json", folder=folder)
    assert replayed.returncode == 1
    assert "double output 0: value.value was 2.0, is 3.0" in replayed.stdout


def test_a_replay_writes_a_test_of_one_node(folder: Path) -> None:
    written = millrace(
        "replay", "r.mcap", "--node", "double", "--write-test", "tests", folder=folder
    )
    assert written.returncode == 0, written.stderr
    assert (folder / "tests" / "test_recorded_double.py").exists()
    refused = millrace("replay", "r.mcap", "--write-test", "tests", folder=folder)
    assert refused.returncode == 2
    assert "--node" in refused.stderr


@pytest.mark.parametrize("command", ["inspect", "replay"])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "x.mcap").write_text("no recording")
    refused = millrace(command, "x.mcap", folder=tmp_path)
    assert refused.returncode == 2
    assert "no MCAP file" in refused.stderr
