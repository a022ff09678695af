"""What a client's resource_limits and the operator's limits bound."""

import json
from typing import Any

import grpc
import numpy as np
import pytest

from runtime import RuntimeConfig
from runtime.config import Limits
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import (
    audio,
    audio_buffer,
    chunk,
    control,
    error_name,
    json_buffer,
    make,
    named_chunk,
    numpy_buffer,
    pipeline,
)

MIB = 1024 * 1024
PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
SILENCE = np.zeros((60, 2), np.int16)


def limits(**fields: int) -> Any:
    return make("ResourceLimits", **fields)


def legacy_chunk() -> Any:
    return make("StreamRequest", audio_chunk=make("AudioChunk", node_id="a", buffer=audio(SILENCE)))


@pytest.mark.parametrize(
    "last",
    [
        chunk(audio_buffer(SILENCE), 9),
        named_chunk({"left": audio_buffer(SILENCE), "right": json_buffer(1)}, 9),
        legacy_chunk(),
    ],
    ids=["chunk", "named buffers", "legacy"],
)
def test_audio_samples_are_counted_over_all_channels(client: Client, last: Any) -> None:
    manifest = pipeline({"a": "PassThrough"})
    bounds = limits(max_audio_samples=200)
    first = chunk(audio_buffer(SILENCE), 0)
    with client.pipeline(manifest, first, last, resource_limits=bounds) as stream:
        error = stream.rest().error
    assert error_name(error) == "RESOURCE_LIMIT"
    assert "200 audio samples" in error.message
    assert "240" in error.message


def test_audio_within_the_limit_passes(client: Client) -> None:
    bounds = limits(max_audio_samples=240)
    chunks = [chunk(audio_buffer(SILENCE), n) for n in range(2)]
    with client.pipeline(
        pipeline({"a": "PassThrough"}), *chunks, control("CLOSE"), resource_limits=bounds
    ) as stream:
        assert stream.rest().sequences == [0, 1]


def test_audio_of_data_inputs_counts(client: Client) -> None:
    response = client.execute(
        pipeline({"a": "PassThrough"}),
        {"a": audio_buffer(SILENCE)},
        resource_limits=limits(max_audio_samples=100),
    )
    assert error_name(response.error) == "RESOURCE_LIMIT"


@PLACES
def test_time_that_runs_out_ends_the_stream(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, places={"a": place})
    bounds = limits(max_timeout_ms=300)
    with client.pipeline(manifest, chunk(json_buffer(1), 1), resource_limits=bounds) as stream:
        error = stream.rest().error
    assert error_name(error) == "RESOURCE_LIMIT"
    assert "max_timeout_ms" in error.message


def test_time_that_runs_out_while_loading_ends_the_stream(client: Client) -> None:
    manifest = pipeline({"a": ("Silent", {"seconds": 60})})
    with client.pipeline(manifest, resource_limits=limits(max_timeout_ms=200)) as stream:
        rest = stream.rest()
    assert "ready" not in rest.kinds
    assert error_name(rest.error) == "RESOURCE_LIMIT"


def test_time_that_runs_out_ends_an_execution(client: Client) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, places={"a": "multiprocess"})
    response = client.execute(
        manifest, {"a": json_buffer(1)}, resource_limits=limits(max_timeout_ms=300)
    )
    assert error_name(response.error) == "RESOURCE_LIMIT"


def test_memory_that_runs_out_names_the_node(client: Client) -> None:
    manifest = pipeline({"a": ("Hungry", {"megabytes": 512})}, places={"a": "multiprocess"})
    bounds = limits(max_memory_bytes=64 * MIB)
    with client.pipeline(manifest, chunk(json_buffer(1), 1), resource_limits=bounds) as stream:
        error = stream.rest().error
    assert error_name(error) == "RESOURCE_LIMIT"
    assert error.failing_node_id == "a"
    assert str(64 * MIB) in error.message


def test_no_session_beyond_what_the_server_may_have(serve: Serve) -> None:
    server = serve(RuntimeConfig(limits=Limits(max_sessions=1)))
    manifest = pipeline({"a": "PassThrough"})
    with connected(server.target) as client, client.pipeline(manifest) as first:
        first.wait_ready()
        with client.pipeline(manifest) as second, pytest.raises(grpc.RpcError) as caught:
            next(iter(second))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "max_sessions" in str(caught.value)
        assert not second.call.initial_metadata()  # trailers only: gRPC may try another server
        with pytest.raises(grpc.RpcError, match="RESOURCE_EXHAUSTED"):
            client.execute(manifest, {"a": json_buffer(1)})
        first.send(control("CLOSE"))
        assert first.rest().closed
        with client.pipeline(manifest, control("CLOSE")) as third:
            assert third.rest().closed


def test_a_message_over_the_limit_is_refused_both_ways(serve: Serve) -> None:
    most = 10 * MIB
    server = serve(RuntimeConfig(limits=Limits(max_message_bytes=most)))
    manifest = pipeline({"a": "Blob"})
    with connected(server.target) as client:
        with pytest.raises(grpc.RpcError, match="max_message_bytes") as caught:
            client.execute(manifest, {"a": numpy_buffer(most)})
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        with client.pipeline(manifest, chunk(numpy_buffer(most), 1)) as stream:
            with pytest.raises(grpc.RpcError, match="max_message_bytes") as caught:
                list(stream)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        # The other way it is a fault inside the call.
        error = client.execute(manifest, {"a": json_buffer(most)}).error
        assert error_name(error) == "RESOURCE_LIMIT"
        assert "max_message_bytes" in error.message
        with client.pipeline(manifest, chunk(json_buffer(most), 1)) as stream:
            assert error_name(stream.rest().error) == "RESOURCE_LIMIT"
        # What just fits, passes.
        with client.pipeline(
            manifest, chunk(json_buffer(most - 200), 1), control("CLOSE")
        ) as stream:
            assert stream.rest().sequences == [1]


def test_a_client_s_deadline_ends_its_session(client: Client) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 30})}, places={"a": "multiprocess"})
    with client.stream(
        make("StreamRequest", init=make("StreamInit", manifest=manifest, client_version="x")),
        chunk(json_buffer(1), 1),
        timeout=0.5,
    ) as stream:
        with pytest.raises(grpc.RpcError) as caught:
            list(stream)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_a_run_fails_as_soon_as_its_outputs_fit_no_message(serve: Serve, place: str) -> None:
    """Many small ones too: each takes several times its bytes in memory."""
    server = serve(RuntimeConfig(limits=Limits(max_message_bytes=10 * MIB)))
    manifest = pipeline(
        {"a": ("ExpanderNode", {"expansion_factor": 1_000_000})}, places={"a": place}
    )
    with connected(server.target) as client:
        response = client.execute(manifest, {"a": json_buffer(1)})
        assert error_name(response.error) == "RESOURCE_LIMIT"
        assert "outputs of the run" in response.error.message
        assert "limits.max_message_bytes" in response.error.message
        # Where they fit, all of them come.
        manifest = pipeline({"a": ("ExpanderNode", {"expansion_factor": 1000})})
        response = client.execute(manifest, {"a": json_buffer(1)})
        (result,) = response.result.data_outputs.values()
        assert len(json.loads(result.json.json_payload)) == 1000


def test_a_manifest_of_too_many_nodes_is_refused_within_the_call(client: Client) -> None:
    manifest = pipeline({f"n{number}": "PassThrough" for number in range(1001)})
    said = "PipelineManifest.nodes, at byte"
    with client.pipeline(manifest) as stream:
        error = stream.rest().error
    assert error_name(error) == "RESOURCE_LIMIT"
    assert said in error.message
    assert "more than 1000 values" in error.message
    response = client.execute(manifest, {"n0": json_buffer(1)})
    assert error_name(response.error) == "RESOURCE_LIMIT"
    assert said in response.error.message


def test_a_message_of_too_many_fields_ends_its_stream_only(client: Client) -> None:
    """The longest that is allowed is read in a thread, while other calls go on."""
    manifest = pipeline({"a": "PassThrough"})
    with client.pipeline(manifest) as other:
        other.wait_ready()
        for body in (b"\x0a\x00" * 5_000_000, b"\x12\x02\x20\x01" * 100_000):
            with client.stream(body) as stream:
                error = stream.rest().error
            assert error_name(error) == "RESOURCE_LIMIT"
            assert "fields in one message" in error.message
        other.send(chunk(json_buffer(1), 1), control("CLOSE"))
        assert other.rest().sequences == [1]


def test_a_message_of_many_fields_is_taken(client: Client) -> None:
    """It is decoded in a thread."""
    metadata = {f"key-{number}": "value" for number in range(1000)}
    buffers = {f"n{number}": json_buffer(number) for number in range(1000)}
    for each in list(buffers.values())[:5]:
        each.metadata.update(metadata)
    manifest = pipeline({"a": "PassThrough"})
    with client.pipeline(manifest, named_chunk(buffers, 1), control("CLOSE")) as stream:
        assert stream.rest().sequences == [1] * 1000


@pytest.mark.parametrize(
    "version", ["9" * 100_000, "1" + ".1" * 500_000 + "\n!", "v1" + " " * 10**6]
)
def test_a_long_client_version_is_no_work(client: Client, version: str) -> None:
    assert client.version(version) is not None
