"""gRPC calls are counted by method and status."""

import time
from collections.abc import Callable

import grpc
import pytest

from runtime.metrics import Snapshot
from tests.service.conftest import Serve
from tests.service.grpcio_client import connected
from tests.service.messages import control, pipeline

ECHO = pipeline({"a": "PassThrough"})
STREAM = "remotemedia.v1.StreamingPipelineService/StreamPipeline"
VERSION = "remotemedia.v1.PipelineExecutionService/GetVersion"


def snapshot_when(take: Callable[[], Snapshot], found: Callable[[Snapshot], bool]) -> Snapshot:
    """Return a snapshot as soon as it has what a client knows a moment before the server."""
    until = time.monotonic() + 20
    while True:
        snapshot = take()
        if found(snapshot):
            return snapshot
        assert time.monotonic() < until, snapshot.calls
        time.sleep(0.02)


def test_calls_are_counted_while_they_run_and_when_they_have_ended(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client:
        client.version()
        with client.pipeline(ECHO) as stream:
            stream.wait_ready()
            assert server.snapshot().running_calls[STREAM] == 1
            stream.send(control("CLOSE"))
            stream.rest()
        counted = snapshot_when(server.snapshot, lambda each: (STREAM, "OK") in each.calls)
        assert counted.calls == {(VERSION, "OK"): 1, (STREAM, "OK"): 1}
        assert counted.running_calls[STREAM] == 0


def test_a_call_that_its_client_cancels_is_counted_as_cancelled(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client, client.pipeline(ECHO) as stream:
        stream.wait_ready()
        stream.call.cancel()
        snapshot_when(server.snapshot, lambda each: each.calls[STREAM, "CANCELLED"] == 1)


def test_calls_that_are_refused_are_counted_without_their_own_words(serve: Serve) -> None:
    server = serve(environment={"GRPC_AUTH_TOKENS": "secret"})
    with connected(server.target) as client:
        with pytest.raises(grpc.RpcError):
            client.version()
        for number in range(3):
            call = client.channel.unary_unary(f"/invented.Service/Method{number}")
            with pytest.raises(grpc.RpcError):
                call(b"", timeout=5)
        calls = server.snapshot().calls
    assert calls == {(VERSION, "UNAUTHENTICATED"): 1, ("other", "UNIMPLEMENTED"): 3}
