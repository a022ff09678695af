"""What a client hears while nodes load."""

import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import chunk, control, error_name, json_buffer, pipeline

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def test_nodes_that_load_silently_for_five_seconds_are_heard_of_every_two(client: Client) -> None:
    silent = "Silent", {"seconds": 5}
    # One that blocks its whole process, one that is a task of the server, one that is ready soon.
    manifest = pipeline(
        {"a": ("Silent", {"seconds": 2.5, "blocking": True}), "b": silent, "c": "PassThrough"},
        places={"a": "multiprocess", "b": "native", "c": "multiprocess"},
    )
    heard: dict[str, list[str]] = {"a": [], "b": [], "c": []}
    with client.pipeline(manifest, chunk(json_buffer(1), sequence=1)) as stream:
        for response in stream:
            if response.HasField("ready"):
                break
            heard[response.init_progress.node_id].append(response.init_progress.status)
        assert [each.sequence for each in stream.results(1)] == [1]
    # At the beginning, every 1.5 s, and when it is ready.
    assert len(heard["a"]) >= 1 + 1 + 1, heard
    assert len(heard["b"]) >= 1 + 3 + 1, heard
    for node, statuses in heard.items():
        assert statuses.index("ready") == len(statuses) - 1, f"{node} says more than it has to"


@PLACES
def test_progress_that_a_node_reports_is_passed_on(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Loading", {"seconds": 0})}, places={"a": place})
    with client.pipeline(manifest, control("CLOSE")) as stream:
        progress = stream.rest().of("init_progress")
    said = [each.message for each in progress if each.status == "loading_model"]
    assert said == ["step 1", "step 2", "step 3"]
    fractions = [each.progress for each in progress]
    assert fractions == sorted(fractions)


@PLACES
def test_a_node_that_is_not_ready_in_time_ends_the_stream_and_is_named(
    client: Client, place: str
) -> None:
    manifest = pipeline(
        {"slow": ("Silent", {"seconds": 60}), "a": "PassThrough"},
        places={"slow": place},
        init_timeout_secs=0.3,
    )
    with client.pipeline(manifest, chunk(json_buffer(1), sequence=1)) as stream:
        rest = stream.rest()
    assert set(rest.kinds[:-1]) == {"init_progress"}
    error = rest.error
    assert error_name(error) == "NODE_EXECUTION"
    assert error.failing_node_id == "slow"
    assert "not ready after 0.3 s" in error.message
    assert "init_timeout_secs" in error.message
    (last,) = [each for each in rest.of("init_progress") if each.status == "error"]
    assert last.node_id == "slow"


@PLACES
def test_a_node_that_fails_to_load_ends_the_stream_before_ready(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Raising", {"hook": "initialize"})}, places={"a": place})
    with client.pipeline(manifest, chunk(json_buffer(1), sequence=1)) as stream:
        rest = stream.rest()
    assert set(rest.kinds[:-1]) == {"init_progress"}
    assert error_name(rest.error) == "NODE_EXECUTION"
    assert rest.error.failing_node_id == "a"
    assert "this initialize always fails" in rest.error.message
    assert "RuntimeError" in rest.error.stack_trace
