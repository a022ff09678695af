"""Commands for who writes nodes: new, run --watch, run --debug, profile."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import command, environment, finish, millrace, start

SLOW = '''
from actors import Actor, Kind, Text

class SlowNode(Actor):
    """Compute for some time."""
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item):
        self.spin()
        return item

    def spin(self):
        total = 0
        for number in range(3_000_000):
            total += number
        return total
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder in which `millrace new MyNode` was run."""
    done = millrace("new", "MyNode", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote my_node.py" in done.stderr
    return tmp_path


def test_a_new_node_s_own_tests_pass_at_once_on_both_executors(project: Path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_the_prefix_goes_before_every_text[native] PASSED" in done.stdout
    assert "test_the_prefix_goes_before_every_text[multiprocess] PASSED" in done.stdout
    assert "3 passed" in done.stdout


def test_a_new_node_s_manifest_runs_at_once(project: Path):
    done = millrace("run", "my_node.json", "--nodes", "my_node.py", folder=project, given="hello\n")
    assert (done.returncode, done.stdout) == (0, "> hello\n"), done.stderr


def test_new_overwrites_nothing(project: Path):
    (project / "my_node.py").unlink()
    done = millrace("new", "MyNode", folder=project)
    assert done.returncode == 2
    assert "test_my_node.py is there already; nothing was written" in done.stderr
    assert not (project / "my_node.py").exists()


def test_new_wants_the_name_of_a_class(tmp_path: Path):
    done = millrace("new", "my-node", folder=tmp_path)
    assert done.returncode == 2
    assert "expected the name of a class, such as MyNode" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_watched_pipeline_runs_again_when_its_node_changes(project: Path):
    given = project / "in.txt"
    given.write_text("hello\n")
    process = start(
        "run", "my_node.json", "--nodes", "my_node.py", "-i", "in.txt", "--watch", folder=project
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"> hello\n"
    node = project / "my_node.py"
    node.write_text(node.read_text().replace("{item.text}", "{item.text.upper()}"))
    assert process.stdout.readline() == b"> HELLO\n"
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.returncode == 130
    assert "my_node.py changed: running again" in done.stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the end of who types, and the end of the program."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_a_breakpoint_stops_in_a_debugger_on_the_terminal(project: Path, terminal, place: str):
    ours, theirs = terminal
    node = project / "my_node.py"
    node.write_text(node.read_text().replace("self._count += 1", "answer = 42; breakpoint()"))
    manifest = json.loads((project / "my_node.json").read_text())
    manifest["metadata"]["multiprocess"] = {"executor_overrides": {"my_node": place}}
    (project / "my_node.json").write_text(json.dumps(manifest))
    (project / "in.txt").write_text("hello\n")
    arguments = ("--nodes", "my_node.py", "-i", "in.txt", "-o", "out.txt", "--debug", "my_node")
    process = subprocess.Popen(
        command("run", "my_node.json", *arguments),
        cwd=project,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    read_until(ours, "(millrace pdb) ")
    os.write(ours, b"answer\n")
    assert "42" in read_until(ours, "(millrace pdb) ")
    os.write(ours, b"continue\n")
    assert process.wait(60) == 0
    assert (project / "out.txt").read_text() == "> hello\n"


def test_a_breakpoint_that_nobody_asked_for_is_passed_by(project: Path):
    node = project / "my_node.py"
    node.write_text(node.read_text().replace("self._count += 1", "breakpoint()"))
    done = millrace(
        "run", "my_node.json", "--nodes", "my_node.py", "-v", folder=project, given="hello\n"
    )
    assert (done.returncode, done.stdout) == (0, "> hello\n")
    assert "passed a breakpoint(); `millrace run --debug my_node` stops there" in done.stderr


@pytest.mark.parametrize(
    ("node", "message"),
    [("other", "--debug other: the nodes are my_node"), ("my_node", "there is no terminal")],
)
def test_debugging_what_cannot_be_debugged_is_refused(project: Path, node: str, message: str):
    arguments = ("--nodes", "my_node.py", "--debug", node)
    done = millrace("run", "my_node.json", *arguments, folder=project)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_a_profile_says_where_the_time_goes(project: Path, place: str):
    (project / "slow.py").write_text(SLOW)
    manifest = json.loads((project / "my_node.json").read_text())
    manifest["nodes"].append({"id": "slow", "node_type": "SlowNode"})
    manifest["connections"].append({"from": "my_node", "to": "slow"})
    manifest["metadata"]["multiprocess"] = {"executor_overrides": {"slow": place}}
    (project / "both.json").write_text(json.dumps(manifest))
    arguments = ("--nodes", "my_node.py", "--nodes", "slow.py", "--speedscope", "p.json")
    done = millrace("profile", "both.json", *arguments, folder=project, given="a\nb\nc\n")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stderr.splitlines() if line.startswith("slow "))
    assert "SlowNode.spin" in row
    document = json.loads((project / "p.json").read_text())
    names = [frame["name"] for frame in document["shared"]["frames"]]
    profiles = {profile["name"]: profile for profile in document["profiles"]}
    assert set(profiles) == {"my_node", "slow"}
    stacks = dict(
        zip(
            (tuple(names[i] for i in stack) for stack in profiles["slow"]["samples"]),
            profiles["slow"]["weights"],
            strict=True,
        )
    )
    assert ("waiting",) in stacks
    assert stacks["processing", "SlowNode.process", "SlowNode.spin"] > 0.01


ENDLESS = '''
import trio
from actors import Actor, Kind, Text

class Endless(Actor):
    """Emit for ever."""
    produces = frozenset({Kind.TEXT})

    async def generate(self):
        while True:
            sum(range(100_000))
            yield Text("x")
            await trio.sleep(0.001)
'''


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_a_profile_that_is_stopped_shows_what_was_seen(project: Path, place: str) -> None:
    (project / "endless.py").write_text(ENDLESS)
    manifest = {
        "version": "v1",
        "metadata": {"name": "x", "multiprocess": {"executor_overrides": {"source": place}}},
        "nodes": [{"id": "source", "node_type": "Endless"}],
        "connections": [],
    }
    (project / "endless.json").write_text(json.dumps(manifest))
    arguments = ("--nodes", "endless.py", "--output", "out.jsonl", "--speedscope", "p.json")
    process = start("profile", "endless.json", *arguments, folder=project)
    deadline = time.monotonic() + 60
    while not (project / "out.jsonl").exists() or (project / "out.jsonl").stat().st_size < 4000:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a file cannot be waited for
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.returncode == 130
    assert any(line.startswith("source ") for line in done.stderr.splitlines())
    assert json.loads((project / "p.json").read_text())["profiles"]


def read_until(descriptor: int, words: str) -> str:
    """Read from a terminal until the words have come."""
    text = ""
    while words not in text:
        readable, _, _ = select.select([descriptor], [], [], 60)
        assert readable, text
        text += os.read(descriptor, 4096).decode()
    return text
