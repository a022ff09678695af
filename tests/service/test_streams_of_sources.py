"""Pipelines whose sources generate items, over gRPC."""

import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import chunk, control, json_buffer, pipeline

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


@PLACES
def test_a_stream_of_sources_needs_no_chunk(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("AsyncCounter", {"count": 3})}, places={"a": place})
    with client.pipeline(manifest) as stream:
        rest = stream.rest()  # the client has not ended its side
    assert rest.values("a") == [0, 1, 2]
    assert "closed" not in rest.kinds


@PLACES
def test_after_a_half_close_the_sources_go_on(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("AsyncCounter", {"count": 300})}, places={"a": place})
    with client.pipeline(manifest) as stream:
        stream.end()
        rest = stream.rest()
    assert rest.values("a") == list(range(300))


@PLACES
def test_close_stops_the_sources_and_flushes(client: Client, place: str) -> None:
    manifest = pipeline({"a": "SilentSource"}, places={"a": place})
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        assert len(stream.results(1)) == 1
        stream.send(control("CLOSE"))
        rest = stream.rest()
    assert rest.values("a") == [{"cancelled": True}]
    assert rest.kinds[-1] == "closed"


def test_cancel_drops_what_the_sources_emit(client: Client) -> None:
    manifest = pipeline({"a": ("AsyncCounter", {"count": -1})})
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert stream.rest().kinds[-1] == "closed"


def test_a_chunk_for_a_source_is_an_error_that_names_it(client: Client) -> None:
    manifest = pipeline({"a": "SilentSource"})
    with client.pipeline(manifest, chunk(json_buffer(1), 0)) as stream:
        (error,) = stream.rest().of("error")
    assert error.failing_node_id == "a"


def test_execute_runs_sources_without_inputs(client: Client) -> None:
    response = client.execute(pipeline({"a": ("AsyncCounter", {"count": 3})}), {})
    assert response.HasField("result"), response
