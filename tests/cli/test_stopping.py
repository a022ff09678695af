"""Ctrl-C and SIGTERM end a run at any moment: quietly, with the status that says so."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from runtime.processes.forkserver import forkserver_command, forkserver_environment
from tests.cli.commands import finish, start, write_manifest

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_that_waits_for_input(number: signal.Signals, tmp_path: Path) -> None:
    process = start("run", write_manifest(tmp_path, ECHO), "--quiet", folder=tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"Echo #1: hello\n"
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
