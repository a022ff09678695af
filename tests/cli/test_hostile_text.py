"""Text of nodes, files and arguments reaches a terminal with its control characters escaped."""

from pathlib import Path

import pytest

from .commands import millrace, write_manifest
from .terminal import Screen, run_in_terminal

# Sets the title of the terminal, clears the screen, and ends a line that another could follow.
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
ESCAPED = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"

NODES = '''
import json
from actors import Actor, Json, Kind, Text

EVIL = {evil!r}

class EvilNode(Actor):
    """Send hostile text. {evil_doc}"""
    accepts = frozenset({{Kind.TEXT}})
    produces = frozenset({{Kind.TEXT, Kind.JSON}})

    def initialize(self):
        self.context.progress(0.5, "progress" + EVIL + "[red]:warning:")
        self.context.log.warning("warning" + EVIL + "\\nWARNING forged")

    def process(self, item):
        if item.text == "fail":
            raise ValueError("error" + EVIL)
        if item.text == "json":
            return Json({{"json": EVIL}})
        if item.text == "raw json":
            return Json.from_text('"raw json' + EVIL + '"')
        return Text("text" + EVIL)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with evil.py, and pipeline.json that runs its node."""
    source = NODES.format(evil=EVIL, evil_doc=EVIL.replace("\x07", "\\a"))
    (tmp_path / "evil.py").write_text(source)
    write_manifest(tmp_path, {"id": "evil", "node_type": "EvilNode"})
    return tmp_path


def assert_harmless(screen: Screen) -> None:
    for sequence in ("\x1b]0;", "\x07", "\x9b", "\x1b[2J", "\u202e"):
        assert sequence not in screen.raw


def run(folder: Path, *arguments: str, line: str = "hello") -> Screen:
    (folder / "in.txt").write_text(f"{line}\n")
    return run_in_terminal(
        "run",
        "pipeline.json",
        "--nodes",
        "evil.py",
        "-i",
        "in.txt",
        *arguments,
        folder=folder,
        columns=200,
    )


def test_a_text_result(folder: Path) -> None:
    screen = run(folder, "-q")
    assert_harmless(screen)
    assert f"text{ESCAPED}" in screen.text


@pytest.mark.parametrize("line", ["json", "raw json"])
@pytest.mark.parametrize("kind", ["lines", "jsonl"])
def test_a_json_result(line: str, kind: str, folder: Path) -> None:
    screen = run(folder, "-q", "--output-kind", kind, line=line)
    assert_harmless(screen)
    assert r"\u009b31m\u202e" in screen.text


def test_a_result_on_the_terminal_by_its_path(folder: Path) -> None:
    screen = run(folder, "-q", "-o", "/dev/tty")
    assert_harmless(screen)


def test_progress_and_logs(folder: Path) -> None:
    screen = run(folder, "-v")
    assert_harmless(screen)
    assert f"warning{ESCAPED}" in screen.text
    assert not any(line.startswith("WARNING forged") for line in screen.lines)


def test_an_error_of_a_node(folder: Path) -> None:
    screen = run(folder, line="fail")
    assert screen.status == 1
    assert_harmless(screen)
    assert f"error{ESCAPED}" in screen.text


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", f"{EVIL}.json"],
        ["run", "pipeline.json", "--nodes", "evil.py", "-i", f"{EVIL}.txt"],
        ["run", "pipeline.json", "--nodes", "evil.py", "-o", f"{EVIL}/out.txt"],
        ["run", "pipeline.json", "--nodes", f"{EVIL}.py"],
        ["run", "pipeline.json", f"one argument too many {EVIL}"],
        ["run", f"--{EVIL}"],
        ["validate", "pipeline.json", "--nodes", "evil.py", "--svg", f"{EVIL}/x.svg"],
        ["nodes", f"Evil{EVIL}"],
        ["config", "--config", EVIL],
        ["demo", "--input", f"{EVIL}.wav"],
        ["serve", "--bind", EVIL],
        ["new", EVIL],
        [EVIL],
    ],
    ids=lambda arguments: " ".join(each for each in arguments if EVIL not in each),
)
def test_an_argument(arguments: list[str], folder: Path) -> None:
    screen = run_in_terminal(*arguments, folder=folder, columns=200)
    assert screen.status == 2, screen.text
    assert_harmless(screen)
    assert "]0;owned" in screen.text


def test_the_documentation_of_a_node_type(folder: Path) -> None:
    for name in ((), ("EvilNode",)):
        screen = run_in_terminal("nodes", *name, "--nodes", "evil.py", folder=folder, columns=200)
        assert screen.status == 0, screen.text
        assert_harmless(screen)
        assert r"\x1b]0;" in screen.text


def test_a_manifest_with_faults(folder: Path) -> None:
    write_manifest(folder, {"id": "x", "node_type": f"{EVIL}Node", "params": {EVIL: 1}})
    screen = run_in_terminal("validate", "pipeline.json", folder=folder, columns=200)
    assert screen.status == 2
    assert_harmless(screen)


def test_a_file_name_that_is_not_utf_8(folder: Path) -> None:
    name = b"caf\xe9.json".decode(errors="surrogateescape")
    done = millrace("validate", name, folder=folder)
    assert done.returncode == 2
    assert r"caf\udce9.json" in done.stderr


def test_in_a_pipe_a_result_is_exact(folder: Path) -> None:
    arguments = ("run", "pipeline.json", "-q", "--nodes", "evil.py")
    done = millrace(*arguments, folder=folder, given="hello\nraw json\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'text{EVIL}\n"raw json{EVIL}"\n'
