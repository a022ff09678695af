"""Ctrl-C and SIGTERM end a run at any moment: quietly, with the status that says so."""

import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from runtime.execution.process import forkserver_command, forkserver_environment
from tests.cli.commands import answer, finish, start, write_manifest
from tests.conftest import SEGMENTS

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_that_waits_for_input(number: signal.Signals, tmp_path: Path) -> None:
    process = start("run", write_manifest(tmp_path, ECHO), "--quiet", folder=tmp_path)
    assert answer(process, b"hello\n") == b"Echo #1: hello\n"
    for _ in range(2):  # as `timeout` does
        process.send_signal(number)
    done = finish(process)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


def test_a_forkserver_whose_server_is_gone_before_it_is_warm_says_nothing() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            forkserver_command(theirs.fileno()),
            pass_fds=[theirs.fileno()],
            env=forkserver_environment(),
            stderr=subprocess.PIPE,
        )
    ours.close()
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0


def test_a_child_that_dies_while_it_makes_a_segment_does_not_hang_the_run(tmp_path: Path) -> None:
    process = start("run", write_manifest(tmp_path, ECHO), "--quiet", folder=tmp_path)
    assert answer(process, b"hello\n") == b"Echo #1: hello\n"
    # What is left of a segment whose maker is killed between creating and sizing it; whoever
    # opens it waits for the rest, which nobody will write.
    segments = list(SEGMENTS.glob(f"mr{process.pid:x}-*.connection"))
    assert segments
    for segment in segments:
        segment.unlink()
        segment.touch(mode=0o200)
    (forkserver,) = psutil.Process(process.pid).children()
    (node,) = forkserver.children()
    node.kill()
    done = finish(process)
    assert done.returncode == 1
    assert done.stderr.startswith("error: node 'echo': its process was killed by SIGKILL while ")
