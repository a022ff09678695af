"""CANCEL: what is queued is dropped, and the stream ends with `closed`."""

from typing import Any

import pytest

from runtime import RuntimeConfig
from runtime.config import Limits, Multiprocess
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import chunk, control, init, json_buffer, numpy_buffer, pipeline
from tests.service.raw_client import STREAM_PIPELINE, frame, raw_client
from tests.service.serving import ServingThread

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def numbers(count: int) -> list[Any]:
    return [chunk(json_buffer(n), sequence=n) for n in range(count)]


@PLACES
def test_cancel_drops_what_is_queued_while_the_pipeline_is_full(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, places={"a": place}, channel_capacity=1)
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(*numbers(300), control("CANCEL"))
        rest = stream.rest()
    assert rest.results == []
    assert "cancel" in rest.closed.reason
    assert rest.closed.final_metrics.wall_time_ms > 0


@PLACES
def test_cancel_before_ready_ends_the_loading(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Silent", {"seconds": 60})}, places={"a": place})
    with client.pipeline(manifest, *numbers(3), control("CANCEL")) as stream:
        rest = stream.rest()
    assert "ready" not in rest.kinds
    assert "cancel" in rest.closed.reason


def test_cancel_ends_a_node_that_never_comes_back(serve: Serve) -> None:
    manifest = pipeline({"a": "Unclean"}, places={"a": "multiprocess"})
    server = serve(RuntimeConfig(multiprocess=Multiprocess(cleanup_grace_period_secs=0.2)))
    with connected(server.target) as client, client.pipeline(manifest, *numbers(1)) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert "cancel" in stream.rest().closed.reason


@PLACES
def test_results_from_before_cancel_stand(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PassThrough"}, places={"a": place})
    with client.pipeline(manifest, *numbers(5)) as stream:
        stream.wait_ready()
        assert [each.sequence for each in stream.results(5)] == list(range(5))
        stream.send(control("CANCEL"))
        assert stream.rest().kinds == ["closed"]


def test_nothing_is_flushed(client: Client) -> None:
    with client.pipeline(pipeline({"a": "Sum"}), *numbers(1)) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert stream.rest().results == []


@pytest.mark.parametrize("ending", ["CANCEL", "fault"])
def test_a_message_that_is_half_sent_is_finished_before_the_last_one(
    serve: Serve, ending: str
) -> None:
    size = 300_000
    server = serve(RuntimeConfig(limits=Limits(max_sessions=1, session_wait_secs=30)))
    last = control("CANCEL") if ending == "CANCEL" else chunk(json_buffer(0), 9, node="nowhere")
    with raw_client(server.port) as client:
        manifest = pipeline({"a": "Blob"})
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        client.read_until(lambda: client.responses(stream))
        client.pause(stream)
        client.send(stream, frame(chunk(json_buffer(size), sequence=1)))
        # The server has filled the window, and waits in the middle of the result.
        client.read_until(lambda: client.connection.remote_flow_control_window(stream) == 0)
        client.send(stream, frame(last))
        # There is room for another session only when the first is gone.
        other = client.call(STREAM_PIPELINE, frame(init(manifest)))
        client.read_until(lambda: any(each.HasField("ready") for each in client.responses(other)))
        client.resume(stream)
        *_, result, end = client.read_to_end(stream)
    assert len(result.result.data_outputs["a"].numpy.data) == size
    assert end.WhichOneof("response") == ("closed" if ending == "CANCEL" else "error")


def test_cancel_is_found_whatever_pieces_the_messages_come_in(server: ServingThread) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, channel_capacity=1)
    manifest.metadata.description = "x" * 40_000
    with raw_client(server.port) as client:
        chunks = b"".join(map(frame, numbers(100)))
        whole = frame(init(manifest)) + chunks + frame(control("CANCEL"))
        # The init ends in the middle of a piece, behind which all the rest has come already.
        stream = client.call(STREAM_PIPELINE, whole[:20_000], whole[20_000:])
        responses = client.read_to_end(stream)
    assert responses[-1].HasField("closed")
    assert not any(each.HasField("result") for each in responses)


def test_bytes_of_a_chunk_that_look_like_cancel_are_none(server: ServingThread) -> None:
    look_alike = frame(control("CANCEL"))
    buffer = numpy_buffer(1)
    buffer.numpy.data = look_alike * 1000
    buffer.numpy.shape[:] = [len(look_alike) * 1000]
    with raw_client(server.port) as client:
        manifest = pipeline({"a": "PassThrough"})
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        for byte in frame(chunk(buffer, 1))[:50]:
            client.send(stream, bytes([byte]), pad=7)
        client.send(stream, frame(chunk(buffer, 1))[50:])
        client.end(stream)
        responses = client.read_to_end(stream)
    assert [each.result.sequence for each in responses if each.HasField("result")] == [1]
