"""`millrace run --server`: the same run, somewhere else."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.commands import answer, command, environment, finish, millrace, start, write_manifest
from tests.client.certificates import make_certificate

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}
CALCULATOR: dict[str, object] = {"id": "sum", "node_type": "CalculatorNode"}
DIVISION = '{"operation": "divide", "operands": [1, 0]}\n'
TOKEN = "right"


def serve(folder: Path, **variables: str) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a server, and return it and its address; `finish` it."""
    process = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0"),
        cwd=folder,
        env={**environment(), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"listening on "):
            return process, line.split()[2].rstrip(b";").decode()
    raise AssertionError("the server ended")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens that wants a token; the environment has it."""
    process, where = serve(tmp_path_factory.mktemp("server"), GRPC_AUTH_TOKENS=TOKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_TOKEN", TOKEN)
        yield where
    process.send_signal(signal.SIGTERM)
    assert finish(process).returncode == 0


def test_lines_in_are_lines_out_and_progress_goes_to_stderr(address: str, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    done = millrace("run", manifest, "--server", address, folder=tmp_path, given="hello\nworld\n")
    assert (done.returncode, done.stdout) == (0, "Echo #1: hello\nEcho #2: world\n")
    assert "echo: ready" in done.stderr
    assert "done: 2 items in, 2 results out" in done.stderr


def test_a_line_comes_out_while_the_input_is_still_open(address: str, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    process = start("run", manifest, "--quiet", "--server", address, folder=tmp_path)
    assert answer(process, b"first\n") == b"Echo #1: first\n"
    assert not psutil.Process(process.pid).children()
    assert finish(process, b"second\n").stdout == "Echo #2: second\n"


def test_inputs_of_two_nodes_and_outputs_go_to_their_files(address: str, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, ECHO, CALCULATOR, chain=False)
    (tmp_path / "sums.jsonl").write_text('{"operation": "add", "operands": [1, 2]}\n' * 100)
    arguments = ["-i", "sum=sums.jsonl", "-i", "echo=-", "-o", "sum=out.jsonl", "-o", "echo=-"]
    done = millrace("run", manifest, "--server", address, *arguments, folder=tmp_path, given="hi\n")
    assert (done.returncode, done.stdout) == (0, "Echo #1: hi\n"), done.stderr
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == 100
    assert '"result": 3' in lines[99]


def test_a_node_that_fails_is_status_1_with_its_traceback(address: str, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, CALCULATOR)
    done = millrace("run", manifest, "--server", address, folder=tmp_path, given=DIVISION)
    assert done.returncode == 1
    assert "error: node 'sum': process() raised" in done.stderr
    assert "calculator.py" in done.stderr


def test_what_the_server_refuses_is_status_2_with_every_fault(address: str, tmp_path: Path) -> None:
    faulty = {**CALCULATOR, "params": {"speed": 1}}
    unknown: dict[str, object] = {"id": "x", "node_type": "EchoNod"}
    manifest = write_manifest(tmp_path, faulty, unknown, chain=False)
    done = millrace("run", manifest, "--server", address, folder=tmp_path)
    assert done.returncode == 2
    assert 'did you mean "EchoNode"?' in done.stderr
    assert "2 faults" in done.stderr


def test_a_wrong_token_is_status_2_before_a_file_is_overwritten(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    (tmp_path / "out.txt").write_text("precious")
    monkeypatch.setenv("MILLRACE_TOKEN", "wrong")
    arguments: list[str | Path] = ["run", manifest, "--server", address, "-o", "out.txt"]
    done = millrace(*arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {address}: this token is not known here\n",
    )
    assert (tmp_path / "out.txt").read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_that_waits_for_input(
    address: str, number: signal.Signals, tmp_path: Path
) -> None:
    manifest = write_manifest(tmp_path, ECHO)
    process = start("run", manifest, "--quiet", "--server", address, folder=tmp_path)
    assert answer(process, b"hello\n") == b"Echo #1: hello\n"
    process.send_signal(number)
    done = finish(process)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


def test_a_server_that_is_killed_is_status_1_and_named(tmp_path: Path) -> None:
    server, where = serve(tmp_path)
    manifest = write_manifest(tmp_path, ECHO)
    process = start("run", manifest, "--quiet", "--server", where, folder=tmp_path)
    assert answer(process, b"hello\n") == b"Echo #1: hello\n"
    server.kill()
    done = finish(process)
    assert done.returncode == 1
    assert f"error: {where}: the connection was lost" in done.stderr
    server.communicate()
    sweep(tmp_path)


def sweep(folder: Path) -> None:
    """Have the next server remove what a killed one has left."""
    process, _ = serve(folder)
    process.send_signal(signal.SIGTERM)
    finish(process)


def test_a_server_with_tls_is_reached_with_its_ca(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "server")
    (tmp_path / "runtime.toml").write_text(
        f'[server]\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    )
    server, where = serve(tmp_path)
    manifest = write_manifest(tmp_path, ECHO)
    arguments: list[str | Path] = ["run", manifest, "--quiet", "--server", where]
    done = millrace(*arguments, "--ca", certificate, folder=tmp_path, given="hello\n")
    assert (done.returncode, done.stdout) == (0, "Echo #1: hello\n"), done.stderr
    refused = millrace(*arguments, "--tls", folder=tmp_path, given="hello\n")
    assert refused.returncode == 1
    assert "its certificate is not trusted" in refused.stderr
    server.send_signal(signal.SIGTERM)
    assert finish(server).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--tls"], 2, "--tls, --ca and --certificate need --server"),
        (["--server", "everywhere"], 2, "--server: got 'everywhere'; expected \"host:port\""),
        (["--server", "127.0.0.1:1"], 1, "127.0.0.1:1 cannot be reached: Connection refused"),
        (["--server", "127.0.0.1:1", "--ca", "none.pem"], 2, "none.pem: cannot be used for TLS"),
    ],
)
def test_a_server_that_cannot_be_used_is_told(
    arguments: list[str], status: int, told: str, tmp_path: Path
) -> None:
    done = millrace("run", write_manifest(tmp_path, ECHO), *arguments, folder=tmp_path)
    assert done.returncode == status
    assert f"error: {told}" in done.stderr
