"""The command line as a user has it: a process of its own, with its standard streams."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from tests.conftest import ROOT, SEGMENTS

_SECONDS = 60.0


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `millrace` with these arguments."""
    return [sys.executable, "-m", "runtime", *map(str, arguments)]


def start(
    *arguments: str | Path, folder: Path, stdout: int = subprocess.PIPE
) -> "subprocess.Popen[bytes]":
    """Start `millrace` in a folder and a process group of its own; `finish` it."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """Return an environment in which the command finds this checkout from every folder."""
    here = str(Path(__file__).parent.parent.parent)
    return {**os.environ, "PYTHONPATH": here}


def python(
    *arguments: str | Path, folder: Path, given: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder, from which it finds this checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        input=given,
        capture_output=True,
        text=True,
        timeout=2 * _SECONDS,
    )


def answer(process: "subprocess.Popen[bytes]", line: bytes) -> bytes:
    """Give a running command a line; return the next that it prints, while its input stays open."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line)
    process.stdin.flush()
    return process.stdout.readline()


def finish(
    process: "subprocess.Popen[bytes]", given: bytes = b""
) -> "subprocess.CompletedProcess[str]":
    """Wait for a command's end, and check that it left nothing behind."""
    try:
        out, err = process.communicate(given, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    left = [*SEGMENTS.glob(f"mr{process.pid:x}-*"), *ROOT.glob(f"{process.pid:x}-*")]
    assert left == [], left
    return subprocess.CompletedProcess(
        process.args, process.returncode, (out or b"").decode(), err.decode()
    )


def millrace(
    *arguments: str | Path, folder: Path, given: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run `millrace` to its end, with text on its standard input."""
    return finish(start(*arguments, folder=folder), given.encode())


def write_manifest(
    folder: Path, *nodes: dict[str, object], chain: bool = True, name: str = "pipeline"
) -> Path:
    """Write a manifest of nodes, each reading the one before, and return its path."""
    ids = [str(node["id"]) for node in nodes]
    pairs = pairwise(ids) if chain else ()
    path = folder / "pipeline.json"
    path.write_text(
        json.dumps(
            {
                "version": "v1",
                "metadata": {"name": name},
                "nodes": nodes,
                "connections": [{"from": one, "to": other} for one, other in pairs],
            }
        )
    )
    return path
