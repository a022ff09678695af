"""CANCEL: what is queued is dropped, and the stream ends with `closed`."""

import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import chunk, control, json_buffer, numpy_buffer, pipeline

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


@PLACES
def test_cancel_drops_what_is_queued_while_the_pipeline_is_full(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, places={"a": place}, channel_capacity=1)
    chunks = [chunk(json_buffer(n), sequence=n) for n in range(300)]
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(*chunks, control("CANCEL"))
        rest = stream.rest()
    assert rest.results == []
    assert "cancel" in rest.closed.reason
    assert rest.closed.final_metrics.wall_time_ms > 0


@PLACES
def test_cancel_before_ready_ends_the_loading(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Silent", {"seconds": 60})}, places={"a": place})
    chunks = [chunk(json_buffer(n), sequence=n) for n in range(3)]
    with client.pipeline(manifest, *chunks, control("CANCEL")) as stream:
        rest = stream.rest()
    assert "ready" not in rest.kinds
    assert "cancel" in rest.closed.reason


def test_cancel_ends_a_node_that_never_comes_back(client: Client) -> None:
    manifest = pipeline({"a": "Unclean"}, places={"a": "multiprocess"})
    with client.pipeline(manifest, chunk(json_buffer(0), sequence=0)) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert "cancel" in stream.rest().closed.reason


@PLACES
def test_results_from_before_cancel_stand(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PassThrough"}, places={"a": place})
    with client.pipeline(
        manifest, *(chunk(json_buffer(n), sequence=n) for n in range(5))
    ) as stream:
        stream.wait_ready()
        assert [each.sequence for each in stream.results(5)] == list(range(5))
        stream.send(control("CANCEL"))
        assert stream.rest().kinds == ["closed"]


def test_nothing_is_flushed(client: Client) -> None:
    with client.pipeline(pipeline({"a": "Sum"}), chunk(json_buffer(1), sequence=0)) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert stream.rest().results == []


def test_a_message_that_is_half_sent_is_finished_before_closed(client: Client) -> None:
    # Far more than a client's window: the server is in the middle of a message when CANCEL comes.
    size = 24 * 1024 * 1024
    with client.pipeline(
        pipeline({"a": "PassThrough"}), chunk(numpy_buffer(size), sequence=1)
    ) as stream:
        stream.send(control("CANCEL"))
        rest = stream.rest()
    assert rest.closed
    assert all(len(each.data_outputs["a"].numpy.data) == size for each in rest.results)


def test_cancel_after_a_fault_changes_nothing(client: Client) -> None:
    with client.pipeline(
        pipeline({"a": "CalculatorNode"}),
        chunk(json_buffer("no calculation"), sequence=0),
    ) as stream:
        stream.send(control("CANCEL"))
        rest = stream.rest()
    assert rest.kinds[-1] in ("error", "closed")
    assert rest.kinds.count("error") + rest.kinds.count("closed") == 1
