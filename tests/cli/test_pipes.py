"""`millrace run` in a pipe: results come out as they are, whoever reads or does not."""

import shlex
import subprocess
from pathlib import Path

from tests.cli.commands import answer, command, environment, finish, millrace, start, write_manifest

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}
EXPAND: dict[str, object] = {"id": "expand", "node_type": "ExpanderNode"}
TWICE: dict[str, object] = {"id": "twice", "node_type": "MultiplyNode"}


def test_lines_in_are_lines_out_and_everything_else_goes_to_stderr(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    done = millrace("run", manifest, folder=tmp_path, given="hello\nworld\n")
    assert (done.returncode, done.stdout) == (0, "Echo #1: hello\nEcho #2: world\n")
    assert "echo: ready" in done.stderr


def test_a_line_comes_out_while_the_input_is_still_open(tmp_path: Path) -> None:
    process = start("run", write_manifest(tmp_path, ECHO), "--quiet", folder=tmp_path)
    assert answer(process, b"first\n") == b"Echo #1: first\n"
    assert finish(process, b"second\n").stdout == "Echo #2: second\n"


def test_a_reader_that_leaves_ends_the_run_like_sigpipe_and_quietly(tmp_path: Path) -> None:
    # Far more than fits into the pipe, so that results wait for the writer when it fails.
    numbers = tmp_path / "numbers.jsonl"
    numbers.write_text("".join(f"{number}\n" for number in range(20_000)))
    manifest = write_manifest(tmp_path, EXPAND, TWICE)
    process = start("run", manifest, "--quiet", "--input", numbers, folder=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b'{"value": 0.0, "index": 0}\n'
    process.stdout.close()
    process.stdout = None
    done = finish(process)
    assert (done.returncode, done.stderr) == (141, "")


def closed(redirections: str, *arguments: str | Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a command with standard streams closed, by a shell's word such as `>&-`."""
    line = f"exec {shlex.join(command(*arguments))} {redirections}"
    return subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_closed_stdout_is_an_error_and_not_silence(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    done = finish(closed(">&-", "run", manifest, "--quiet", folder=tmp_path), b"hello\n")
    assert done.returncode == 2
    assert done.stderr == "error: stdout: cannot be written: Bad file descriptor\n"


def test_a_closed_stderr_costs_no_result(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    done = finish(closed("2>&-", "run", manifest, folder=tmp_path), b"hello\n")
    assert (done.returncode, done.stdout) == (0, "Echo #1: hello\n")


def test_a_closed_stdin_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    done = finish(closed("<&-", "run", manifest, folder=tmp_path))
    assert done.returncode == 2
    assert "error: stdin: cannot be read: Bad file descriptor" in done.stderr
