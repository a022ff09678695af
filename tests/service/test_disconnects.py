"""Clients that vanish: their processes go with them, and nobody else notices."""

import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.messages import chunk, control, init, json_buffer, make, pipeline, values
from tests.service.raw_client import STREAM_PIPELINE, frame, raw_client
from tests.service.serving import ServingThread

ROOT = Path(__file__).parents[2]
WHERE = pipeline({"a": "WhereAmI"}, places={"a": "multiprocess"})


def wait_gone(pid: int) -> None:
    """Wait until a process has ended, whosever child it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], SECONDS)[0], f"process {pid} still runs"
    finally:
        os.close(descriptor)


@pytest.fixture
def leaving(server: ServingThread) -> Any:
    """A client in a process of its own, and the processes of its nodes."""
    command = [sys.executable, "-m", "tests.service.leaving_client", server.target]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, [int(pid) for pid in process.stdout.readline().split()]
        finally:
            process.kill()


def test_a_client_that_is_killed_takes_its_processes_along_and_nobody_else_s(
    client: Client, leaving: tuple[subprocess.Popen[str], list[int]]
) -> None:
    process, nodes = leaving
    assert len(set(nodes)) == 2
    with client.pipeline(WHERE) as other:
        other.wait_ready()
        other.send(chunk(json_buffer(0), 0))
        (before,) = values(other.results(1), "a")
        process.kill()
        for pid in nodes:
            wait_gone(pid)
        other.send(*(chunk(json_buffer(n), n) for n in range(1, 50)), control("CLOSE"))
        rest = other.rest()
    assert rest.sequences == list(range(1, 50))
    assert {each["pid"] for each in rest.values("a")} == {before["pid"]}


def close(sock: socket.socket) -> None:
    sock.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def shut_down(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("leave", [close, reset, shut_down])
@pytest.mark.parametrize("when", ["loading", "running", "full"])
def test_a_connection_that_ends_ends_its_sessions(
    server: ServingThread, leave: Callable[[socket.socket], None], when: str
) -> None:
    nodes = {"loading": ("Silent", {"seconds": 60}), "running": "WhereAmI"}
    kind = nodes.get(when, ("Slow", {"seconds": 60}))
    manifest = pipeline({"a": kind}, places={"a": "multiprocess"}, channel_capacity=1)
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        count = 100 if when == "full" else 1
        client.send(stream, b"".join(frame(chunk(json_buffer(n), n)) for n in range(count)))
        awaited = {"loading": "init_progress", "running": "result", "full": "ready"}[when]
        client.read_until(lambda: any(each.HasField(awaited) for each in client.responses(stream)))
        leave(client.socket)


def test_a_call_that_is_reset_ends_its_session_and_not_the_connection(
    server: ServingThread,
) -> None:
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(WHERE)), frame(chunk(json_buffer(0), 0)))
        client.read_until(lambda: any(each.HasField("result") for each in client.responses(stream)))
        (told,) = values([e for e in client.responses(stream) if e.HasField("result")], "a")
        client.connection.reset_stream(stream)
        client.flush()
        wait_gone(told["pid"])
        other = client.call(STREAM_PIPELINE, frame(init(pipeline({"a": "PassThrough"}))))
        client.send(other, frame(control("CLOSE")))
        assert client.read_to_end(other)[-1].HasField("closed")


def test_a_channel_that_is_closed_ends_all_its_streams(server: ServingThread) -> None:
    with connected(server.target) as client:
        streams = [client.pipeline(WHERE, chunk(json_buffer(0), 0)) for _ in range(3)]
        pids = []
        for stream in streams:
            stream.wait_ready()
            pids += [each["pid"] for each in values(stream.results(1), "a")]
    for pid in pids:
        wait_gone(pid)
    for stream in streams:
        stream.end()


def test_an_execution_whose_client_leaves_is_cut_off(server: ServingThread, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    manifest = pipeline({"a": ("Stuck", {"path": str(pipe)})}, places={"a": "multiprocess"})
    request = make("ExecuteRequest", manifest=manifest, data_inputs={"a": json_buffer(1)})
    with raw_client(server.port) as client:
        path = "/remotemedia.v1.PipelineExecutionService/ExecutePipeline"
        client.call(path, frame(request), end=True)
        assert pipe.read_text() == "stuck"
