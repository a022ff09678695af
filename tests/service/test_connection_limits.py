"""Connections have limits: all, by peer, and without an accepted call; and resets have a budget."""

import re
import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hpack
import pytest
from h2.errors import ErrorCodes

from runtime import RuntimeConfig
from runtime.config import Server as ServerSettings
from tests.service.certificates import make_authority
from tests.service.conftest import Serve
from tests.service.messages import chunk, control, init, json_buffer, make, pipeline
from tests.service.raw_client import (
    GET_VERSION,
    SECONDS,
    STREAM_PIPELINE,
    RawClient,
    frame,
    raw_client,
)
from tests.service.serve_process import serve_process
from tests.service.test_strange_connections import PREFACE, SETTINGS, h2_frame

ECHO = pipeline({"a": "PassThrough"})
TOKENS = {"GRPC_AUTH_TOKENS": "first-token"}
TOKEN = {"authorization": "Bearer first-token"}
VERSION = frame(make("VersionRequest"))


def limited(**settings: object) -> RuntimeConfig:
    return RuntimeConfig(server=ServerSettings.model_validate(settings))


def is_closed(sock: socket.socket) -> bool:
    """Wait until the server has closed a connection, whatever it sends before."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def version_status(port: int, **headers: str) -> int:
    with raw_client(port) as client:
        return client.status(client.call(GET_VERSION, VERSION, end=True, **headers))


def becomes_reachable(port: int) -> bool:
    """Tell whether a call succeeds, once the server has seen that other clients have left."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            return version_status(port) == 0
        except (EOFError, OSError):
            time.sleep(0.05)
    return False


@contextmanager
def idle(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that send nothing."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            for _ in range(count)
        ]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{each.getMessage()}: {getattr(each, 'reason', '')}" for each in caplog.records]


def test_connections_beyond_the_limit_are_refused_and_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(limited(max_connections=3))
    with raw_client(server.port) as client, idle(server.port, 2):
        assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 0
        with idle(server.port, 5) as refused:
            assert all(map(is_closed, refused))
        assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 0
    server.settle()
    assert version_status(server.port) == 0
    # One line for a flood.
    assert logged(caplog) == ["connection refused: 3 connections are open (server.max_connections)"]


def test_one_peer_has_a_limit_of_its_own(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(limited(max_connections_per_peer=2))
    with idle(server.port, 2), idle(server.port, 1) as refused:
        assert all(map(is_closed, refused))
    (line,) = logged(caplog)
    assert "2 connections of this peer are open (server.max_connections_per_peer)" in line


def test_connections_without_a_call_make_room_for_clients(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even so many of them lock a client out, and they end no client that has called."""
    server = serve(limited(max_unauthenticated_connections=4), TOKENS)
    with raw_client(server.port) as client:
        assert client.status(client.call(GET_VERSION, VERSION, end=True, **TOKEN)) == 0
        for _ in range(2):
            with idle(server.port, 6) as connections:
                assert version_status(server.port, **TOKEN) == 0
                assert all(map(is_closed, connections[:2]))
        assert client.status(client.call(GET_VERSION, VERSION, end=True, **TOKEN)) == 0
    assert "(server.max_unauthenticated_connections)" in logged(caplog)[0]


def test_many_clients_that_come_together_all_make_their_first_call(serve: Serve) -> None:
    server = serve(limited(max_unauthenticated_connections=4))
    with ExitStack() as stack:
        # All connect, the kernel accepts them; then each makes its call in turn.
        socks = stack.enter_context(idle(server.port, 20))
        for sock in socks:
            client = RawClient(sock, window=2**20)
            assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 0


@pytest.mark.parametrize("said", [b"", PREFACE, PREFACE + SETTINGS])
def test_a_connection_without_a_call_is_closed_after_a_while(
    serve: Serve, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(limited(first_call_timeout_secs=0.3))
    with idle(server.port, 1) as (sock,):
        sock.sendall(said)
        assert is_closed(sock)
    assert "no accepted call within 0.3 s (server.first_call_timeout_secs)" in logged(caplog)[0]


def test_calls_without_a_token_keep_no_connection_open(serve: Serve) -> None:
    server = serve(limited(first_call_timeout_secs=0.5), TOKENS)
    with raw_client(server.port) as client, pytest.raises((EOFError, OSError)):
        while True:
            assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 16
            time.sleep(0.05)
    assert client.goaway in (None, ErrorCodes.NO_ERROR)


def test_a_stream_that_runs_keeps_its_connection_open(serve: Serve) -> None:
    server = serve(limited(first_call_timeout_secs=1))
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
        with idle(server.port, 1) as (later,):
            assert is_closed(later)  # the time of the one before is over too
        client.send(stream, frame(chunk(json_buffer(1), 1)) + frame(control("CLOSE")))
        assert client.read_to_end(stream)[-1].HasField("closed")


def test_a_handshake_that_never_ends_is_given_up(serve: Serve, tmp_path: Path) -> None:
    made = make_authority(tmp_path).issue("server")
    config = limited(
        first_call_timeout_secs=0.3, tls_certificate=str(made.certificate), tls_key=str(made.key)
    )
    server = serve(config)
    with idle(server.port, 1) as (sock,):
        sock.sendall(b"\x16\x03\x01")
        assert is_closed(sock)
    server.settle()


@pytest.mark.parametrize("token", [b"", b"Bearer wrong", b"Bearer first-token"])
@pytest.mark.parametrize("body", [b"", frame(init(ECHO))], ids=["no body", "init"])
def test_calls_that_are_reset_at_once_have_a_budget(
    serve: Serve, token: bytes, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2023-44487: of 5000 calls in a moment, the first 1000 cost something."""
    server = serve(environment=TOKENS)
    with raw_client(server.port) as neighbour:
        encoder = hpack.Encoder()
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", STREAM_PIPELINE),
            (":authority", "test"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("authorization", token.decode()),
        ]
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as sock:
            sock.sendall(PREFACE + SETTINGS)
            received = bytearray()
            try:
                for stream in range(1, 10_001, 2):
                    sock.sendall(
                        h2_frame(1, 4, stream, encoder.encode(fields))
                        + (h2_frame(0, 0, stream, body) if body else b"")
                        + h2_frame(3, 0, stream, struct.pack(">I", 8))
                    )
                while data := sock.recv(65536):
                    received += data
            except OSError:  # closed while we still send
                pass
        assert neighbour.status(neighbour.call(GET_VERSION, VERSION, end=True, **TOKEN)) == 0
        assert version_status(server.port, **TOKEN) == 0
    # Of refused calls one is logged each second.
    lines = [line for line in logged(caplog) if not line.startswith("call refused: ")]
    assert lines == ["connection closed: too many calls that are reset or refused"]
    assert len(logged(caplog)) < 50


def test_the_client_is_told_why_its_connection_ends(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with raw_client(server.port) as client:
        with pytest.raises((EOFError, OSError)):
            for _ in range(3000):
                stream = client.call(GET_VERSION, end=True)
                client.read_until(lambda stream=stream: stream in client.trailers)  # type: ignore[misc]
        assert client.goaway == ErrorCodes.ENHANCE_YOUR_CALM


def test_a_client_may_cancel_all_calls_that_it_can_have(serve: Serve) -> None:
    server = serve()
    with raw_client(server.port) as client:
        streams = [client.call(STREAM_PIPELINE) for _ in range(900)]
        for stream in streams:
            client.connection.reset_stream(stream)
        client.flush()
        assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 0


def test_the_server_raises_its_limit_of_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(hard, 1024)
    with serve_process(prefix=("prlimit", f"--nofile={low}:{hard}")) as server:
        with open(f"/proc/{server.pid}/limits") as limits:
            found = re.search(r"Max open files\s+(\d+)", limits.read())
        assert found is not None
        assert int(found[1]) == min(hard, 2**20)


def test_without_descriptors_the_server_refuses_and_recovers() -> None:
    with serve_process(prefix=("prlimit", "--nofile=200:200")) as server:
        with ExitStack() as stack:
            clients = [stack.enter_context(raw_client(server.port))]
            assert clients[0].status(clients[0].call(GET_VERSION, VERSION, end=True)) == 0
            refused = 0
            for _ in range(300):
                try:
                    client = stack.enter_context(raw_client(server.port))
                    assert client.status(client.call(GET_VERSION, VERSION, end=True)) == 0
                except (EOFError, OSError):
                    refused += 1
            assert refused > 100
            assert clients[0].status(clients[0].call(GET_VERSION, VERSION, end=True)) == 0
        assert "RLIMIT_NOFILE" in server.log()
        assert becomes_reachable(server.port)
        assert server.stop() == 0
        assert "Traceback" not in server.log()
