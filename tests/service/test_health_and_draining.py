"""Health, per service; and a server that goes down kindly."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from h2.exceptions import ProtocolError

from runtime import RuntimeConfig
from tests.service import operating
from tests.service.conftest import Serve
from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.messages import (
    chunk,
    control,
    error_name,
    json_buffer,
    make,
    message_class,
    pipeline,
)
from tests.service.operating import TOKENS as OPERATOR
from tests.service.raw_client import raw_client

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = [
    "",
    "remotemedia.v1.PipelineExecutionService",
    "remotemedia.v1.StreamingPipelineService",
]
ECHO = pipeline({"a": "PassThrough"})


def watch(client: Client, service: str) -> Iterator[int]:
    call = client.channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class("grpc.health.v1.HealthCheckResponse").FromString,
    )
    request = make("grpc.health.v1.HealthCheckRequest", service=service)
    return (response.status for response in call(request, timeout=SECONDS))


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_serving(client: Client, service: str) -> None:
    assert client.health(service) == SERVING


def test_a_service_that_is_not_here_is_not_found(client: Client) -> None:
    with pytest.raises(grpc.RpcError, match="nowhere.Service") as caught:
        client.health("nowhere.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_watching_a_service_that_is_not_here_says_so(serve: Serve) -> None:
    with connected(serve().target) as client:
        assert next(watch(client, "nowhere.Service")) == SERVICE_UNKNOWN


class Draining:
    """A drain that goes on in a thread."""

    def __init__(self, server: Any, seconds: float, **options: float) -> None:
        self._thread = threading.Thread(target=server.drain, args=[seconds], kwargs=options)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("service", SERVICES)
def test_a_server_that_drains_says_that_it_is_not_serving(serve: Serve, service: str) -> None:
    server = serve()
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        told = watch(client, service)
        assert next(told) == SERVING
        draining = Draining(server, SECONDS, lame_duck_seconds=2)
        assert next(told) == NOT_SERVING
        assert client.health(service) == NOT_SERVING
        running.send(control("CLOSE"))
        assert running.rest().closed
        draining.wait()


def test_a_server_that_drains_lets_streams_end_and_takes_no_new_calls(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        told = watch(client, "")
        next(told)
        draining = Draining(server, SECONDS)
        assert next(told) == NOT_SERVING
        with connected(server.target) as late, pytest.raises(grpc.RpcError) as caught:
            late.execute(ECHO)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        running.send(*(chunk(json_buffer(n), n) for n in range(20)), control("CLOSE"))
        rest = running.rest()
        assert rest.sequences == list(range(20))
        assert rest.closed
        draining.wait()


def rest_in_drain(server: Any, manifest: Any, *, chunks: int, results: int) -> Any:
    """Send chunks, take some results, and return what a stream gets while the server drains."""
    with connected(server.target) as client, client.pipeline(manifest) as running:
        running.wait_ready()
        running.send(*(chunk(json_buffer(n), n) for n in range(chunks)))
        running.results(results)
        draining = Draining(server, 0.1)
        rest = running.rest()
        draining.wait()
    return rest


def test_a_stream_that_does_not_end_in_time_gets_its_results_and_closed(serve: Serve) -> None:
    server = serve()
    manifest = pipeline({"a": "PassThrough"}, places={"a": "multiprocess"})
    rest = rest_in_drain(server, manifest, chunks=20, results=20)
    assert rest.kinds == ["metrics", "draining", "closed"] or rest.kinds == ["draining", "closed"]
    (notice,) = rest.of("draining")
    assert 0 < notice.deadline_ms <= 100
    (closed,) = rest.of("closed")
    assert closed.reason == "the server is shutting down"


def test_a_stream_with_a_backlog_has_the_time_that_the_operator_gives_it(serve: Serve) -> None:
    server = serve(RuntimeConfig.model_validate({"server": {"flush_timeout_secs": 60}}))
    manifest = pipeline({"a": ("Slow", {"seconds": 0.2})})
    rest = rest_in_drain(server, manifest, chunks=15, results=1)
    (closed,) = rest.of("closed")
    assert closed.chunks_taken == 15
    assert len(rest.of("result")) == 14


def test_a_session_that_waits_for_room_is_refused_when_the_server_drains(serve: Serve) -> None:
    limits = {"limits": {"max_sessions": 1, "session_wait_secs": SECONDS}}
    server = serve(RuntimeConfig.model_validate(limits))
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        with client.pipeline(ECHO) as waiting:
            until_waiting(server, 1)
            draining = Draining(server, SECONDS, lame_duck_seconds=2)
            with pytest.raises(grpc.RpcError) as caught:
                next(iter(waiting))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert not caught.value.initial_metadata()
        with client.pipeline(ECHO) as late, pytest.raises(grpc.RpcError) as caught:
            next(iter(late))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        running.send(control("CLOSE"))
        assert running.rest().closed
        draining.wait()


def until_waiting(server: Any, count: int) -> None:
    """Wait until so many sessions wait for room."""
    while server.snapshot().capacity.waiting != count:
        pass


def test_a_stream_whose_node_does_not_end_is_told_why_it_is_cut_off(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    manifest = pipeline({"a": ("Stuck", {"path": str(pipe), "blocking": False})})
    with connected(server.target) as client, client.pipeline(manifest) as running:
        running.wait_ready()
        running.send(chunk(json_buffer(1), 1))
        assert pipe.read_text() == "stuck"
        draining = Draining(server, 0.1)
        responses = [next(iter(running)), next(iter(running))]
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(running))
        draining.wait()
    assert [each.WhichOneof("response") for each in responses] == ["draining", "error"]
    assert error_name(responses[1].error) == "INTERNAL"
    assert "shutting down" in responses[1].error.message
    assert "ShutdownError" in responses[1].error.context
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_execution_that_does_not_end_in_time_is_told_why_it_is_cut_off(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    manifest = pipeline({"a": ("Stuck", {"path": str(pipe), "blocking": False})})
    with connected(server.target) as client:
        request = make("ExecuteRequest", manifest=manifest, data_inputs={"a": json_buffer(1)})
        call = client.channel.unary_unary(
            "/remotemedia.v1.PipelineExecutionService/ExecutePipeline",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_class("ExecuteResponse").FromString,
        )
        running = call.future(request, timeout=SECONDS)
        assert pipe.read_text() == "stuck"
        server.drain(0.1)
        with pytest.raises(grpc.RpcError, match="shutting down") as caught:
            running.result()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_those_who_only_watch_keep_no_server_from_going_down(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client:
        told = watch(client, "")
        assert next(told) == SERVING
        server.drain(10 * SECONDS)  # comes back at once
        assert next(told) == NOT_SERVING


def test_a_server_that_ends_without_draining_tells_its_streams(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        server.stop()
        with pytest.raises(grpc.RpcError, match="shutting down") as caught:
            list(running)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_calls_that_are_under_way_when_a_drain_begins_are_accepted(serve: Serve) -> None:
    server = serve()
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        draining = Draining(server, SECONDS, lame_duck_seconds=2)
        for response in running:
            if response.HasField("draining"):
                break
        with client.pipeline(ECHO, control("CLOSE")) as late:
            kinds = late.rest().kinds
        assert kinds[-1] == "closed"
        assert "draining" in kinds
        running.send(control("CLOSE"))
        assert running.rest().closed
        draining.wait()


def test_a_full_server_is_not_serving_where_the_operator_has_said_so(serve: Serve) -> None:
    config = {"limits": {"max_sessions": 1}, "server": {"health_when_full": "not_serving"}}
    server = serve(RuntimeConfig.model_validate(config))
    with connected(server.target) as client:
        told = watch(client, "")
        assert next(told) == SERVING
        with client.pipeline(ECHO) as running:
            running.wait_ready()
            assert next(told) == NOT_SERVING
            running.send(control("CLOSE"))
            assert running.rest().closed
        assert next(told) == SERVING


def test_a_server_without_room_for_processes_is_full(serve: Serve) -> None:
    config = {"limits": {"max_total_processes": 1}, "server": {"health_when_full": "not_serving"}}
    server = serve(RuntimeConfig.model_validate(config))
    with connected(server.target) as client:
        told = watch(client, "")
        assert next(told) == SERVING
        with client.pipeline(pipeline({"a": "PassThrough"}, places={"a": "multiprocess"})) as one:
            one.wait_ready()
            assert next(told) == NOT_SERVING
            one.send(control("CLOSE"))
            assert one.rest().closed
        assert next(told) == SERVING


def test_a_client_is_asked_for_another_connection_after_some_time(serve: Serve) -> None:
    config = {"server": {"max_connection_age_secs": 0.2}}
    server = serve(RuntimeConfig.model_validate(config))
    with connected(server.target) as client, client.pipeline(ECHO) as running:
        running.wait_ready()
        # h2 takes any GOAWAY for the end of the connection, and fails at a ping behind it.
        with pytest.raises((EOFError, ProtocolError)), raw_client(server.port) as other:
            other.read_until(lambda: False)
        running.send(chunk(json_buffer(1), 1), control("CLOSE"))
        assert running.rest().sequences == [1]


def test_a_server_that_goes_down_stops_sources_and_sends_what_they_flush(serve: Serve) -> None:
    server = serve()
    manifest = pipeline({"a": "SilentSource"}, places={"a": "multiprocess"})
    with connected(server.target) as client, client.pipeline(manifest) as running:
        running.wait_ready()
        running.results(1)
        running.end()  # sources go on after that
        draining = Draining(server, 0.1)
        rest = running.rest()
        draining.wait()
    assert rest.values("a") == [{"cancelled": True}]


def test_an_operator_sees_that_a_server_drains_and_when_that_ends(serve: Serve) -> None:
    server = serve(environment=OPERATOR)
    with (
        connected(server.target, token="operator") as operator,
        connected(server.target, token="anna") as client,
        client.pipeline(ECHO) as running,
    ):
        running.wait_ready()
        snapshots = operating.watch(operator, "WatchServer", interval_ms=200)
        before = next(snapshots).server
        assert (before.draining, before.drain_deadline_ms) == (False, 0)
        draining = Draining(server, SECONDS, lame_duck_seconds=0.1)
        seen = next(each for each in snapshots if each.server.draining)
        assert 0 < seen.server.drain_deadline_ms - seen.time_ms <= 1000 * (SECONDS + 0.1)
        running.send(control("CLOSE"))
        assert running.rest().closed
        draining.wait()
