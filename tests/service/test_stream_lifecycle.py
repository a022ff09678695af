"""A stream from its init to its last message."""

from typing import Any

import grpc
import numpy as np
import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import audio_buffer, chunk, control, init, json_buffer, pipeline

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def echo(place: str = "native") -> Any:
    return pipeline({"a": "PassThrough"}, places={"a": place})


def numbers(count: int, node: str = "a") -> list[Any]:
    return [chunk(json_buffer(n), sequence=n, node=node) for n in range(count)]


@PLACES
def test_a_stream_is_progress_then_ready_then_results_then_closed(
    client: Client, place: str
) -> None:
    with client.pipeline(echo(place), *numbers(3), control("CLOSE")) as stream:
        rest = stream.rest()
    ready = rest.kinds.index("ready")
    assert set(rest.kinds[:ready]) <= {"init_progress"}
    assert rest.kinds[ready + 1 :] == ["result"] * 3 + ["closed"]
    assert rest.values("a") == [0, 1, 2]


@PLACES
def test_progress_names_each_node_and_ends_with_ready(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "PassThrough"}, ["a > b"], places={"b": place})
    with client.pipeline(manifest, control("CLOSE")) as stream:
        progress = stream.rest().of("init_progress")
    for node in "ab":
        steps = [each for each in progress if each.node_id == node]
        assert [steps[0].status, steps[-1].status] == ["starting", "ready"]
        assert [steps[0].progress, steps[-1].progress] == [0.0, 1.0]
    assert {each.node_id for each in progress} == {"a", "b"}


@pytest.mark.parametrize(("asked", "recommended"), [(4096, 4096), (1, 1)])
def test_ready_repeats_the_expected_chunk_size(
    client: Client, asked: int, recommended: int
) -> None:
    with client.pipeline(echo(), expected_chunk_size=asked) as stream:
        assert stream.wait_ready().recommended_chunk_size == recommended


def test_ready_recommends_a_chunk_size_where_none_is_expected(client: Client) -> None:
    with client.pipeline(echo()) as stream:
        ready = stream.wait_ready()
    assert ready.recommended_chunk_size > 0
    assert ready.session_id


def test_every_session_has_an_id_of_its_own_that_its_messages_carry(client: Client) -> None:
    ids = set()
    for _ in range(2):
        with client.pipeline(echo(), *numbers(10), control("CLOSE")) as stream:
            rest = stream.rest()
        (ready,), (metrics,) = rest.of("ready"), rest.of("metrics")
        assert ready.session_id == metrics.session_id == rest.closed.session_id
        ids.add(ready.session_id)
    assert len(ids) == 2


@PLACES
def test_data_sent_before_ready_is_processed(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Loading", {"seconds": 0.05})}, places={"a": place})
    with client.pipeline(manifest, *numbers(5)) as stream:
        stream.wait_ready()
        assert [each.sequence for each in stream.results(5)] == [0, 1, 2, 3, 4]


@PLACES
def test_200_chunks_written_before_anything_is_read_come_back_complete(
    client: Client, place: str
) -> None:
    samples = np.arange(960, dtype=np.int16)
    chunks = [chunk(audio_buffer(samples + n), sequence=n) for n in range(200)]
    with client.pipeline(echo(place), *chunks) as stream:
        stream.end()
        rest = stream.rest()
    assert rest.sequences == list(range(200))
    for number, result in enumerate(rest.results):
        received = np.frombuffer(result.data_outputs["a"].audio.samples, np.int16)
        np.testing.assert_array_equal(received, samples + number)


@PLACES
def test_50_chunks_and_close_in_one_go_give_50_results_and_then_closed(
    client: Client, place: str
) -> None:
    with client.pipeline(echo(place), *numbers(50), control("CLOSE")) as stream:
        rest = stream.rest()
    assert rest.values("a") == list(range(50))
    assert rest.closed.final_metrics.node_metrics["a"].items_processed == 50


@PLACES
def test_close_flushes_what_nodes_hold(client: Client, place: str) -> None:
    manifest = pipeline({"a": "Sum"}, places={"a": place})
    with client.pipeline(manifest, *numbers(5), control("CLOSE")) as stream:
        rest = stream.rest()
    assert rest.values("a") == [10]
    assert rest.closed.reason


def test_what_comes_after_close_is_not_looked_at(client: Client) -> None:
    after = [chunk(json_buffer(9), sequence=9), chunk(json_buffer(9), sequence=9, node="nowhere")]
    with client.pipeline(echo(), *numbers(2), control("CLOSE"), *after) as stream:
        rest = stream.rest()
    assert rest.sequences == [0, 1]
    assert rest.closed


@PLACES
def test_half_close_flushes_and_ends_with_ok_and_without_closed(client: Client, place: str) -> None:
    manifest = pipeline({"a": "Sum"}, places={"a": place})
    with client.pipeline(manifest, *numbers(5)) as stream:
        stream.end()
        rest = stream.rest()
    assert rest.values("a") == [10]
    assert rest.kinds[-1] == "result"


def test_half_close_right_after_init_is_an_empty_run(client: Client) -> None:
    with client.pipeline(echo()) as stream:
        stream.end()
        assert stream.rest().kinds[-1] == "ready"


def test_one_input_gives_none_one_or_many_results_each_with_its_sequence(client: Client) -> None:
    manifest = pipeline({"a": "CountUp"})
    chunks = [chunk(json_buffer(n), sequence=100 + n) for n in (0, 1, 3)]
    with client.pipeline(manifest, *chunks, control("CLOSE")) as stream:
        rest = stream.rest()
    assert rest.sequences == [101, 103, 103, 103]
    assert rest.values("a") == [0, 0, 1, 2]


def test_sequences_are_the_client_s_whatever_they_are(client: Client) -> None:
    sequences = [7, 7, 3, 2**64 - 1, 0]
    chunks = [chunk(json_buffer(n), sequence=n) for n in sequences]
    with client.pipeline(echo(), *chunks, control("CLOSE")) as stream:
        assert stream.rest().sequences == sequences


def test_a_chunk_enters_at_whichever_node_it_names(client: Client) -> None:
    manifest = pipeline(
        {"a": ("MultiplyNode", {"factor": 2}), "b": ("MultiplyNode", {"factor": 10})},
        ["a > b"],
        places={"a": "native", "b": "native"},
    )
    chunks = [chunk(json_buffer(1), sequence=n, node=node) for n, node in enumerate("ab")]
    with client.pipeline(manifest, *chunks, control("CLOSE")) as stream:
        rest = stream.rest()
    found = dict(zip(rest.sequences, rest.values("b"), strict=True))
    assert found == {0: 20, 1: 10}


def test_every_sink_gives_its_own_results_under_its_id_and_in_order(client: Client) -> None:
    manifest = pipeline(
        {"a": "PassThrough", "b": "PassThrough", "c": "PassThrough"},
        ["a > b", "a > c"],
        places={"c": "multiprocess"},
    )
    with client.pipeline(manifest, *numbers(20), control("CLOSE")) as stream:
        rest = stream.rest()
    assert all(len(each.data_outputs) == 1 for each in rest.results)
    for sink in "bc":
        own = [each.sequence for each in rest.results if sink in each.data_outputs]
        assert own == list(range(20))
    assert not any("a" in each.data_outputs for each in rest.results)


def test_data_inputs_of_init_enter_before_the_chunks(client: Client) -> None:
    inputs = {"a": json_buffer("first")}
    with client.pipeline(
        echo(), chunk(json_buffer("second"), sequence=5), control("CLOSE"), data_inputs=inputs
    ) as stream:
        assert stream.rest().values("a") == ["first", "second"]


def test_the_timestamp_travels_to_the_nodes(client: Client) -> None:
    manifest = pipeline({"a": "ContextTeller"})
    message = chunk(json_buffer(0), sequence=4, timestamp_ms=123456)
    with client.pipeline(manifest, message, control("CLOSE")) as stream:
        (told,) = stream.rest().values("a")
    assert told == {"sequence": 4, "timestamp_ms": 123456, "source": ""}


def test_results_tell_how_long_they_took_and_how_much_came_in(client: Client) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 0.02})})
    with client.pipeline(manifest, *numbers(2), control("CLOSE")) as stream:
        results = stream.rest().results
    assert all(each.processing_time_ms >= 20 for each in results)
    assert results[-1].total_items_processed == 2


@pytest.mark.parametrize("version", ["v1", "0.4.2", "anything at all", "\N{SNOWMAN}"])
def test_any_client_version_that_is_not_empty_will_do(client: Client, version: str) -> None:
    with client.pipeline(echo(), client_version=version) as stream:
        stream.wait_ready()


def test_unknown_metadata_headers_are_fine(client: Client) -> None:
    headers = (("x-trace", "1"), ("x-binary-bin", b"\0\xff"), ("user-agent", "mine"))
    with client.stream(init(echo()), control("CLOSE"), metadata=headers) as stream:
        assert stream.rest().closed


def test_one_connection_carries_stream_after_stream(client: Client) -> None:
    for _ in range(5):
        with client.pipeline(echo(), *numbers(2), control("CLOSE")) as stream:
            assert stream.rest().values("a") == [0, 1]


def test_a_client_may_cancel_its_call_at_any_time(client: Client) -> None:
    with client.pipeline(echo("multiprocess"), *numbers(5)) as stream:
        stream.wait_ready()
        stream.call.cancel()
        assert stream.call.code() is grpc.StatusCode.CANCELLED
