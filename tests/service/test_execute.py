"""ExecutePipeline and GetVersion."""

import json
from typing import Any

import grpc
import numpy as np
import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import (
    audio_buffer,
    enum_number,
    error_name,
    json_buffer,
    make,
    pipeline,
    text_buffer,
)

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
SUM = {"operation": "add", "operands": [10, 20]}
SUCCESS = 1


def value_of(buffer: Any) -> Any:
    return json.loads(buffer.json.json_payload)


def status_name(result: Any) -> str:
    numbers = {enum_number("NodeStatus", f"NODE_STATUS_{each}"): each for each in STATUSES}
    return numbers[result.status]


STATUSES = ["SUCCESS", "SKIPPED", "FAILED"]


@PLACES
def test_a_calculator_calculates(client: Client, place: str) -> None:
    manifest = pipeline({"calc": "CalculatorNode"}, places={"calc": place})
    result = client.execute(manifest, {"calc": json_buffer(SUM)}).result
    assert result.status == SUCCESS
    assert value_of(result.data_outputs["calc"])["result"] == 30
    (node,) = result.node_results
    assert (node.node_id, status_name(node)) == ("calc", "SUCCESS")


def test_every_input_goes_to_the_node_it_names(client: Client) -> None:
    manifest = pipeline({"a": "CalculatorNode", "b": "EchoNode", "c": "PassThrough"})
    inputs = {
        "a": json_buffer(SUM),
        "b": text_buffer("hello"),
        "c": audio_buffer(np.ones(4, np.float32)),
    }
    result = client.execute(manifest, inputs).result
    assert set(result.data_outputs) == {"a", "b", "c"}
    assert value_of(result.data_outputs["a"])["result"] == 30
    assert result.data_outputs["b"].text.text_data == b"Echo #1: hello"
    assert result.data_outputs["c"].audio == inputs["c"].audio


def test_an_input_may_enter_in_the_middle(client: Client) -> None:
    manifest = pipeline(
        {"a": ("MultiplyNode", {"factor": 2}), "b": ("MultiplyNode", {"factor": 10})},
        ["a > b"],
        places={"a": "native", "b": "native"},
    )
    result = client.execute(manifest, {"a": json_buffer(1), "b": json_buffer(1)}).result
    outputs = value_of(result.data_outputs["b"])
    assert sorted(outputs) == [10, 20]


@pytest.mark.parametrize("key", ["", "input", "audio_in"])
def test_a_single_input_that_names_no_node_goes_to_the_sources(client: Client, key: str) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "PassThrough", "c": "PassThrough"}, ["a > c"])
    result = client.execute(manifest, {key: json_buffer(7)}).result
    assert {key: value_of(each) for key, each in result.data_outputs.items()} == {"b": 7, "c": 7}


def test_one_of_several_inputs_that_names_no_node_is_a_fault_with_the_near_ones(
    client: Client,
) -> None:
    manifest = pipeline({"first": "PassThrough", "second": "PassThrough"})
    inputs = {"first": json_buffer(1), "secnd": json_buffer(2)}
    error = client.execute(manifest, inputs).error
    assert error_name(error) == "VALIDATION"
    assert "'secnd'" in error.message
    assert "second" in error.message


def test_outputs_that_are_many_are_all_there(client: Client) -> None:
    manifest = pipeline({"json": "CountUp", "text": "EchoNode", "chunks": "AudioChunkerNode"})
    manifest.nodes[2].params = '{"chunk_size": 4}'
    samples = np.arange(10, dtype=np.float32)
    inputs = {"json": json_buffer(3), "text": text_buffer("x"), "chunks": audio_buffer(samples)}
    outputs = client.execute(manifest, inputs).result.data_outputs
    assert value_of(outputs["json"]) == [0, 1, 2]
    joined = np.frombuffer(outputs["chunks"].audio.samples, np.float32)
    np.testing.assert_array_equal(joined, samples)


def test_texts_are_joined_line_by_line(client: Client) -> None:
    manifest = pipeline({"a": "TextCollectorNode"}, places={"a": "native"})
    outputs = client.execute(
        manifest, {"a": text_buffer("One here. Two there.")}
    ).result.data_outputs
    assert outputs["a"].text.text_data.decode().splitlines() == ["One here.", "Two there."]


@PLACES
def test_what_is_flushed_is_an_output_too(client: Client, place: str) -> None:
    manifest = pipeline({"a": "Sum"}, places={"a": place})
    result = client.execute(manifest, {"a": json_buffer(4)}).result
    assert value_of(result.data_outputs["a"]) == 4


def test_every_node_has_a_result(client: Client) -> None:
    manifest = pipeline(
        {"a": "Discard", "b": "PassThrough", "idle": "PassThrough"},
        ["a > b"],
        places={"b": "multiprocess"},
    )
    result = client.execute(manifest, {"a": json_buffer(1)}).result
    assert {each.node_id: status_name(each) for each in result.node_results} == {
        "a": "SUCCESS",
        "b": "SKIPPED",
        "idle": "SKIPPED",
    }
    assert dict(result.data_outputs) == {}


@PLACES
def test_the_metrics_are_measured(client: Client, place: str) -> None:
    manifest = pipeline(
        {"a": ("Burn", {"seconds": 0.05}), "b": ("Slow", {"seconds": 0.02})},
        ["a > b"],
        places={"a": place, "b": place},
    )
    metrics = client.execute(manifest, {"a": text_buffer("x")}).result.metrics
    burn, slow = metrics.node_metrics["a"], metrics.node_metrics["b"]
    # Burn and Slow go by other clocks than the server's.
    assert metrics.wall_time_ms >= 69
    assert 49 <= burn.execution_time_ms <= metrics.wall_time_ms
    assert 19 <= slow.execution_time_ms <= metrics.wall_time_ms
    assert metrics.cpu_time_ms >= 49
    assert (burn.items_processed, slow.items_processed) == (1, 1)
    assert metrics.memory_used_bytes > 10_000_000
    if place == "multiprocess":
        assert burn.memory_bytes > 10_000_000
    assert dict(metrics.data_type_breakdown) == {"text": 1}
    assert 0 < metrics.proto_to_runtime_ms < metrics.wall_time_ms
    assert 0 < metrics.runtime_to_proto_ms < metrics.wall_time_ms
    assert metrics.serialization_time_ms == pytest.approx(
        metrics.proto_to_runtime_ms + metrics.runtime_to_proto_ms
    )
    more = json.loads(burn.custom_metrics)
    assert more["items_out"] == 1
    assert more["p50_ms"] >= 49


def test_metrics_are_there_even_of_nodes_without_inputs(client: Client) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "PassThrough"})
    result = client.execute(manifest, {"b": json_buffer(1)}).result
    assert result.status == SUCCESS
    assert result.HasField("metrics")
    assert result.metrics.node_metrics["a"].items_processed == 0


def test_a_run_without_inputs_is_refused_and_names_the_source_nodes(client: Client) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "PassThrough", "c": "PassThrough"}, ["a > c"])
    response = client.execute(manifest)
    assert response.WhichOneof("outcome") == "error"
    assert error_name(response.error) == "VALIDATION"
    assert "data_inputs is empty" in response.error.message
    assert "'a', 'b'" in response.error.message


def test_a_missing_manifest_is_an_invalid_argument(client: Client) -> None:
    with pytest.raises(grpc.RpcError, match="manifest") as caught:
        client.execute(None)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@PLACES
def test_a_node_that_fails_is_named_in_the_outcome(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PassThrough", "bad": "Raising"}, ["a > bad"], places={"bad": place})
    response = client.execute(manifest, {"a": json_buffer(1)})
    assert response.WhichOneof("outcome") == "error"
    assert error_name(response.error) == "NODE_EXECUTION"
    assert response.error.failing_node_id == "bad"
    assert "RuntimeError: this process always fails" in response.error.stack_trace


FAULTS: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "an unknown type": (pipeline({"a": "EchoNod"}), {}, "VALIDATION", "EchoNode"),
    "no nodes": (pipeline({}), {}, "VALIDATION", "nodes"),
    "a cycle": (
        pipeline({"a": "PassThrough", "b": "PassThrough"}, ["a > b", "b > a"]),
        {},
        "VALIDATION",
        "cycle",
    ),
    "a wrong kind": (
        pipeline({"a": "CalculatorNode"}),
        {"a": text_buffer("1+1")},
        "TYPE_VALIDATION",
        "takes json",
    ),
    "a wrong kind for the sources": (
        pipeline({"a": "CalculatorNode"}),
        {"in": text_buffer("1+1")},
        "TYPE_VALIDATION",
        "takes json",
    ),
    "a buffer of nothing": (
        pipeline({"a": "PassThrough"}),
        {"a": make("DataBuffer")},
        "VALIDATION",
        "data_inputs['a']",
    ),
    "a node on another host": (
        make(
            "PipelineManifest",
            version="v1",
            metadata=make("ManifestMetadata", name="x"),
            nodes=[make("NodeManifest", id="a", node_type="PassThrough", host="other:1")],
        ),
        {},
        "VALIDATION",
        "host",
    ),
    "too many processes": (
        pipeline({f"n{n}": "EchoNode" for n in range(3)}, max_processes_per_session=2),
        {},
        "RESOURCE_LIMIT",
        "max_processes_per_session",
    ),
    "an interpreter that is not allowed": (
        pipeline({"a": "EchoNode"}, python_executable="/bin/sh"),
        {},
        "VALIDATION",
        "python_executable",
    ),
}


INPUT_FAULTS = {"a wrong kind", "a wrong kind for the sources", "a buffer of nothing"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_client_s_is_the_outcome(
    client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, inputs, kind, said = FAULTS[name]
    error = client.execute(manifest, inputs).error
    assert error_name(error) == kind, error
    assert said in error.message
    assert error.failing_node_id == ("a" if name in INPUT_FAULTS else "")
    assert error.stack_trace == ""
    # The log says why no session was opened; a client's mistake has no traceback.
    assert all(each.getMessage() == "session refused" for each in caplog.records)
    assert not any(each.exc_info for each in caplog.records)


@pytest.mark.parametrize("version", ["", "v1", "0.1", "\N{SNOWMAN}"])
def test_any_client_version_may_execute(client: Client, version: str) -> None:
    response = client.execute(
        pipeline({"a": "PassThrough"}), {"a": json_buffer(1)}, client_version=version
    )
    assert response.result.status == SUCCESS


def test_the_version_tells_what_is_here(client: Client) -> None:
    response = client.version("v1")
    info = response.version_info
    assert response.compatible
    assert info.protocol_version == "v1"
    assert info.supported_protocols == ["v1"]
    assert {"CalculatorNode", "PassThrough", "EchoNode", "Raising"} <= set(
        info.supported_node_types
    )
    assert info.runtime_version
    assert info.build_timestamp


@pytest.mark.parametrize("version", ["v2", "2.0.1", "v17-beta"])
def test_a_protocol_that_is_not_spoken_is_told_with_the_reason(
    client: Client, version: str
) -> None:
    response = client.version(version)
    assert not response.compatible
    assert version in response.compatibility_message
    assert "v1" in response.compatibility_message


@pytest.mark.parametrize("version", ["", "v1.4", "0.9", "my client"])
def test_what_may_be_our_protocol_is_compatible(client: Client, version: str) -> None:
    assert client.version(version).compatible
