"""`millrace serve` with [http], and `millrace health`."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.commands import command, environment, finish, start
from tests.service.certificates import make_authority
from tests.service.grpcio_client import connected
from tests.service.messages import control, pipeline

SETTINGS = """
[server]
bind_address = "127.0.0.1:0"
{server}
[http]
enabled = true
bind_address = "127.0.0.1:0"
tokens_file = "tokens"
"""
HTTP = re.compile(rb"metrics and health on http://(\S+)")
GRPC = re.compile(rb"listening on (\S+);")


class Served:
    """A running server.

    Attributes:
        grpc, http: its addresses.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        assert process.stderr is not None
        self.http = self.grpc = ""
        for line in process.stderr:
            if found := HTTP.search(line):
                self.http = found[1].decode()
            elif found := GRPC.search(line):
                self.grpc = found[1].decode()
                return
        raise AssertionError("the server ended")

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        """Return the status and the body of a request."""
        connection = HTTPConnection(self.http, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def started(folder: Path, server: str = "") -> "subprocess.Popen[bytes]":
    (folder / "runtime.toml").write_text(SETTINGS.format(server=server))
    (folder / "tokens").write_text("scraper\n")
    return start("serve", folder=folder)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with an HTTP port."""
    process = started(tmp_path)
    try:
        yield Served(process)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def health(*arguments: str) -> tuple[int, str, str]:
    """Run `millrace health`; return its exit status and what it prints."""
    done = subprocess.run(
        command("health", *arguments),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_server_has_metrics_of_its_calls(served: Served) -> None:
    with connected(served.grpc) as client:
        client.version()
    status, text = served.get("/metrics", "scraper")
    assert status == 200
    assert re.search(r'^millrace_grpc_calls_total\{.*GetVersion",status="OK"\} 1', text, re.M)
    assert served.get("/metrics")[0] == 401
    served.process.send_signal(signal.SIGTERM)
    assert finish(served.process).returncode == 0


def test_while_it_drains_a_server_is_alive_and_not_ready(served: Served) -> None:
    assert served.get("/readyz") == (200, "ready\n")
    assert health(served.grpc) == (0, f"{served.grpc}: SERVING\n", "")
    with (
        connected(served.grpc) as client,
        client.pipeline(pipeline({"a": "PassThrough"})) as stream,
    ):
        stream.wait_ready()
        served.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 20
        while served.get("/readyz")[0] == 200:
            assert time.monotonic() < until
        assert served.get("/readyz") == (503, "not ready\n")
        assert served.get("/livez") == (200, "ok\n")
        assert served.get("/metrics", "scraper")[0] == 200
        # It does not listen any more; before, for server.lame_duck_secs, it says NOT_SERVING.
        code, told, _ = health(served.grpc)
        assert code == 1
        assert "cannot be reached" in told
        stream.send(control("CLOSE"))
        assert stream.rest().closed
    assert finish(served.process).returncode == 0


def test_health_of_an_address_without_a_server_is_one_line() -> None:
    status, out, err = health("127.0.0.1:1")
    assert (status, err) == (1, "")
    assert out == "127.0.0.1:1 cannot be reached: Connection refused\n"


def test_health_of_a_server_that_does_not_answer_ends_in_time(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert health(address, "--timeout", "0.5") == (1, f"{address}: no answer in 0.5 s\n", "")


@pytest.mark.parametrize("wrong", [["nonsense"], ["--ca", "/nowhere"], ["127.0.0.1:1", "--tls"]])
def test_health_that_cannot_be_asked_is_one_line_and_not_healthy(wrong: list[str]) -> None:
    status, out, err = health(*wrong)
    assert (status, err, out.count("\n")) == (1, "", 1)


def test_health_over_tls_and_of_one_service(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    issued = authority.issue("server")
    process = started(
        tmp_path, f'tls_certificate = "{issued.certificate}"\ntls_key = "{issued.key}"'
    )
    try:
        served = Served(process)
        ca = ("--ca", str(authority.certificate))
        assert health(served.grpc, *ca)[0] == 0
        service = "remotemedia.v1.StreamingPipelineService"
        assert health(served.grpc, *ca, "--service", service)[0] == 0
        assert health(served.grpc, *ca, "--service", "nowhere.Service")[0] == 1
        assert health(served.grpc)[0] == 1
        process.send_signal(signal.SIGTERM)
        assert finish(process).returncode == 0
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
