"""`millrace serve`: a process that serves until a signal."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from tests.cli.commands import command, environment, finish, start
from tests.service.grpcio_client import connected
from tests.service.messages import chunk, control, json_buffer, pipeline, values

WHERE = pipeline({"a": "WhereAmI"}, places={"a": "multiprocess"})
NODES = ("--nodes", "WhereAmI=tests.session.specimens:WhereAmI")
LISTENING = re.compile(rb"listening on (\S+);")


def listening(process: "subprocess.Popen[bytes]") -> str:
    """Return where a server listens, as it says."""
    assert process.stderr is not None
    for line in process.stderr:
        found = LISTENING.search(line)
        if found is not None:
            return found[1].decode()
    raise AssertionError("the server ended")


def read_until(process: "subprocess.Popen[bytes]", text: bytes) -> None:
    """Read a server's log up to the line that has this text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError("the server ended")


@pytest.fixture
def server(tmp_path: Path) -> Iterator["tuple[subprocess.Popen[bytes], str]"]:
    """A server, and where it listens."""
    process = start("serve", "--bind", "127.0.0.1:0", *NODES, folder=tmp_path)
    try:
        yield process, listening(process)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_sigterm_lets_running_streams_end_and_leaves_nothing(
    server: "tuple[subprocess.Popen[bytes], str]",
) -> None:
    process, address = server
    with connected(address) as client, client.pipeline(WHERE) as stream:
        stream.wait_ready()
        assert family(process.pid)
        process.send_signal(signal.SIGTERM)
        read_until(process, b"stopping; 1 calls")
        assert stream.next().HasField("draining")
        with connected(address) as late, pytest.raises(grpc.RpcError) as caught:
            late.execute(WHERE)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        before = family(process.pid)
        stream.send(*(chunk(json_buffer(n), n) for n in range(5)), control("CLOSE"))
        assert stream.rest().sequences == list(range(5))
    done = finish(process)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert not any(each.is_running() for each in before)


def test_the_second_signal_ends_it_at_once(
    server: "tuple[subprocess.Popen[bytes], str]",
) -> None:
    process, address = server
    with connected(address) as client, client.pipeline(WHERE) as stream:
        stream.wait_ready()
        stream.send(chunk(json_buffer(0), 0))
        (told,) = values(stream.results(1), "a")
        process.send_signal(signal.SIGTERM)
        read_until(process, b"stopping; 1 calls")
        process.send_signal(signal.SIGINT)
        with pytest.raises(grpc.RpcError, match="shutting down"):
            list(stream)
    done = finish(process)
    assert "Traceback" not in done.stderr
    assert not psutil.pid_exists(told["pid"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_without_streams_one_signal_is_enough(
    server: "tuple[subprocess.Popen[bytes], str]", number: signal.Signals
) -> None:
    process, address = server
    with connected(address) as client:
        assert client.version().compatible
        process.send_signal(number)
        assert finish(process).returncode == 0


def test_sigkill_of_the_server_takes_its_nodes_along(
    server: "tuple[subprocess.Popen[bytes], str]",
) -> None:
    process, address = server
    with connected(address) as client, client.pipeline(WHERE) as stream:
        stream.wait_ready()
        children = family(process.pid)
        assert len(children) >= 2
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
        with pytest.raises(grpc.RpcError):
            list(stream)
    # The next start takes away what could not be taken away at the end.
    with subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0"),
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as following:
        try:
            listening(following)
            following.send_signal(signal.SIGTERM)
            finish(following)
        finally:
            following.kill()


def run(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("serve", *arguments),
        cwd=folder,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(tmp_path, GRPC_BIND_ADDRESS=address)
    assert done.returncode == 2
    assert address in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--bind", "nonsense"], {}, "host:port"),
        (
            ["--bind", "99"],
            {"GRPC_BIND_ADDRESS": "127.0.0.1:0"},
            '--bind: got "99"; expected',
        ),
        ([], {"GRPC_REQUIRE_AUTH": "1"}, "GRPC_AUTH_TOKENS"),
    ],
)
def test_what_is_said_wrongly_is_a_clear_error(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    done = run(tmp_path, *arguments, **variables)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configuration_that_is_wrong_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text('[server]\nbind_adress = "127.0.0.1:1"\n')
    done = run(tmp_path)
    assert done.returncode == 2
    assert "bind_address" in done.stderr


def test_tokens_are_taken_from_the_environment_and_shown_nowhere(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0", "--verbose"),
        cwd=tmp_path,
        env={**environment(), "GRPC_AUTH_TOKENS": "s3cret-token"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    address = listening(process)
    with connected(address) as client, pytest.raises(grpc.RpcError) as caught:
        client.version()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with connected(address, token="s3cret-token") as client:
        assert client.version().compatible
    process.send_signal(signal.SIGTERM)
    done = finish(process)
    assert "s3cret" not in done.stderr + done.stdout
