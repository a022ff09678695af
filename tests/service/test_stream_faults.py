"""Faults inside a stream: one error, which says what and where, and then the end, with OK."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import (
    audio_buffer,
    chunk,
    control,
    error_name,
    init,
    json_buffer,
    make,
    named_chunk,
    pipeline,
    text_buffer,
)

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
ECHO = pipeline({"echo": "PassThrough", "calc": "CalculatorNode"})
NUMBER = json_buffer(1)
NOT_JSON = make("DataBuffer", json=make("JsonData", json_payload="x = 1"))
A_FILE = make("DataBuffer", file=make("FileBuffer", path="/etc/passwd"))

# name: (error type, requests, what the message says)
FAULTS: dict[str, tuple[str, Callable[[], list[Any]], list[str]]] = {
    "an empty request and no init": ("VALIDATION", lambda: [make("StreamRequest")], ["init"]),
    "a chunk before init": ("VALIDATION", lambda: [chunk(NUMBER, 0, "echo")], ["init"]),
    "a control before init": ("VALIDATION", lambda: [control("CLOSE")], ["init"]),
    "nothing at all": ("VALIDATION", list, ["init"]),
    "init without a manifest": (
        "VALIDATION",
        lambda: [make("StreamRequest", init=make("StreamInit", client_version="1"))],
        ["manifest"],
    ),
    "init twice": ("VALIDATION", lambda: [init(ECHO), init(ECHO)], ["init", "once"]),
    "an empty client_version": (
        "VALIDATION",
        lambda: [init(ECHO, client_version="")],
        ["client_version"],
    ),
    "no command": ("VALIDATION", lambda: [init(ECHO), control(0)], ["CLOSE", "CANCEL"]),
    "an unknown command": ("VALIDATION", lambda: [init(ECHO), control(77)], ["77"]),
    "a node that is not there": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(NUMBER, 0, "ecko")],
        ["'ecko'", "echo"],
    ),
    "no node": ("VALIDATION", lambda: [init(ECHO), chunk(NUMBER, 0, "")], ["node_id"]),
    "data_inputs for a node that is not there": (
        "VALIDATION",
        lambda: [init(ECHO, data_inputs={"echo": NUMBER, "calk": NUMBER})],
        ["'calk'", "calc"],
    ),
    "a chunk without a buffer": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(None, 0, "echo")],
        ["no data"],
    ),
    "a buffer of no kind": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(make("DataBuffer"), 0, "echo")],
        ["no data"],
    ),
    "buffer and named_buffers": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(NUMBER, 0, "echo", named_buffers={"x": NUMBER})],
        ["named_buffers"],
    ),
    "a named buffer without a name": (
        "VALIDATION",
        lambda: [init(ECHO), named_chunk({"": NUMBER, "b": NUMBER}, 0, "echo")],
        ["name"],
    ),
    "a legacy chunk without a buffer": (
        "VALIDATION",
        lambda: [init(ECHO), make("StreamRequest", audio_chunk=make("AudioChunk", node_id="echo"))],
        ["buffer"],
    ),
    "text that is not JSON": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(NOT_JSON, 0, "echo")],
        ["not JSON", "byte 0"],
    ),
    "data_inputs that are not JSON": (
        "VALIDATION",
        lambda: [init(ECHO, data_inputs={"echo": NUMBER, "calc": NOT_JSON})],
        ["data_inputs['calc']", "not JSON"],
    ),
    "a file that is not open to clients": (
        "VALIDATION",
        lambda: [init(ECHO), chunk(A_FILE, 0, "echo")],
        ["/etc/passwd", "files.roots"],
    ),
    "text for a node that takes JSON": (
        "TYPE_VALIDATION",
        lambda: [init(ECHO), chunk(text_buffer("1 + 1"), 0, "calc")],
        ["'calc'", "CalculatorNode takes json", "text"],
    ),
    "a bundle for a node that takes JSON": (
        "TYPE_VALIDATION",
        lambda: [init(ECHO), named_chunk({"x": NUMBER, "y": NUMBER}, 0, "calc")],
        ["'calc'", "bundle", "x", "y"],
    ),
    "data_inputs of the wrong kind": (
        "TYPE_VALIDATION",
        lambda: [init(ECHO, data_inputs={"calc": text_buffer("1 + 1")})],
        ["'calc'", "CalculatorNode takes json", "text"],
    ),
}


# Those that name a node; the others are faults of the whole stream, or name no node that there is.
FAILING_NODES = {
    "a chunk without a buffer": "echo",
    "a buffer of no kind": "echo",
    "buffer and named_buffers": "echo",
    "a named buffer without a name": "echo",
    "a legacy chunk without a buffer": "echo",
    "text that is not JSON": "echo",
    "data_inputs that are not JSON": "calc",
    "a file that is not open to clients": "echo",
    "text for a node that takes JSON": "calc",
    "a bundle for a node that takes JSON": "calc",
    "data_inputs of the wrong kind": "calc",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_client_s_is_told_in_the_stream(
    client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, requests, said = FAULTS[name]
    with client.stream(*requests()) as stream:
        stream.end()
        error = stream.rest().error
    assert error_name(error) == kind, error
    assert all(word in error.message for word in said), error.message
    assert error.failing_node_id == FAILING_NODES.get(name, "")
    assert error.stack_trace == ""
    assert caplog.records == [], "a client's fault is no news for the server's log"


@PLACES
def test_a_request_with_nothing_set_is_ignored(client: Client, place: str) -> None:
    # So arrives a member that a newer contract has and this one has not.
    newer = make("StreamRequest")
    newer.MergeFromString(b"\x9a\x06\x03new")
    manifest = pipeline({"echo": "PassThrough"}, places={"echo": place})
    requests = [newer, make("StreamRequest"), init(manifest), newer, chunk(NUMBER, 3, "echo")]
    with client.stream(*requests, make("StreamRequest"), control("CLOSE")) as stream:
        rest = stream.rest()
    assert rest.sequences == [3]
    assert "closed" in rest.kinds


MANIFESTS = {
    "no version": (pipeline({"a": "PassThrough"}), {"version": ""}, ["version"]),
    "another version": (pipeline({"a": "PassThrough"}), {"version": "v9"}, ["version", "v9"]),
}


def test_all_faults_of_a_manifest_are_listed_with_their_places(client: Client) -> None:
    manifest = pipeline(
        {
            "a": "PassTrough",
            "b": ("AudioChunkerNode", {"chunk_sice": 4, "chunk_size": "many"}),
            "c d": "PassThrough",
        },
        ["a > b", "b > z"],
        places={"b": "rocket"},
    )
    with client.pipeline(manifest) as stream:
        error = stream.rest().error
    assert error_name(error) == "VALIDATION"
    for said in ("PassTrough", "PassThrough", "chunk_sice", "chunk_size", "'c d'", "'z'", "rocket"):
        assert said in error.message or said.strip("'") in error.message, (said, error.message)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "v9"}, "v9"),
        ({"nodes": []}, "nodes"),
        ({"metadata": None}, "metadata"),
    ],
)
def test_what_a_manifest_lacks_is_told(client: Client, change: Any, said: str) -> None:
    fields = {
        "version": "v1",
        "metadata": make("ManifestMetadata", name="test"),
        "nodes": [make("NodeManifest", id="a", node_type="PassThrough")],
        **change,
    }
    with client.pipeline(make("PipelineManifest", **fields)) as stream:
        error = stream.rest().error
    assert error_name(error) == "VALIDATION"
    assert said in error.message


@pytest.mark.parametrize("params", ["{", "[1]", '{"chunk_size": NaN}', "\0"])
def test_params_that_are_no_json_object_are_told(client: Client, params: str) -> None:
    manifest = pipeline({"a": "AudioChunkerNode"})
    manifest.nodes[0].params = params
    with client.pipeline(manifest) as stream:
        error = stream.rest().error
    assert error_name(error) == "VALIDATION"
    assert "params" in error.message


@pytest.mark.parametrize("params", ["", "{}", ' {"chunkSize": 4} '])
def test_params_may_be_left_out_or_in_camel_case(client: Client, params: str) -> None:
    manifest = pipeline({"a": "AudioChunkerNode"})
    manifest.nodes[0].params = params
    with client.pipeline(manifest) as stream:
        stream.wait_ready()


def test_a_cycle_is_told(client: Client) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "PassThrough"}, ["a > b", "b > a"])
    with client.pipeline(manifest) as stream:
        assert "cycle" in stream.rest().error.message


@PLACES
def test_a_node_that_raises_is_named_with_its_traceback(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PassThrough", "bad": "Raising"}, ["a > bad"], places={"bad": place})
    with client.pipeline(manifest, chunk(NUMBER, 0)) as stream:
        error = stream.rest().error
    assert error_name(error) == "NODE_EXECUTION"
    assert error.failing_node_id == "bad"
    assert "this process always fails" in error.message
    assert "Traceback" in error.stack_trace
    assert "specimens.py" in error.stack_trace
    assert "RuntimeError: this process always fails" in error.stack_trace


@PLACES
def test_a_node_that_fails_in_flush_is_told_after_close(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Raising", {"hook": "flush"})}, places={"a": place})
    with client.pipeline(manifest, chunk(NUMBER, 0), control("CLOSE")) as stream:
        rest = stream.rest()
    assert "this flush always fails" in rest.error.message
    assert "closed" not in rest.kinds


def test_a_process_that_is_killed_is_named(client: Client) -> None:
    manifest = pipeline({"a": ("Exiting", {"signal_number": 9})}, places={"a": "multiprocess"})
    with client.pipeline(manifest, chunk(NUMBER, 0)) as stream:
        error = stream.rest().error
    assert error_name(error) == "NODE_EXECUTION"
    assert error.failing_node_id == "a"
    assert "SIGKILL" in error.message


@PLACES
def test_an_item_of_a_wrong_kind_between_nodes_is_a_matter_of_types(
    client: Client, place: str
) -> None:
    manifest = pipeline({"a": "PassThrough", "b": "CalculatorNode"}, ["a > b"], places={"b": place})
    with client.pipeline(manifest, chunk(text_buffer("1 + 1"), 0)) as stream:
        error = stream.rest().error
    assert error_name(error) == "TYPE_VALIDATION"
    assert error.failing_node_id == "b"
    assert "CalculatorNode takes json, and got text from node 'a'" in error.message


@PLACES
def test_a_value_that_a_node_cannot_use_is_the_node_s_error(client: Client, place: str) -> None:
    manifest = pipeline({"a": "CalculatorNode"}, places={"a": place})
    wrong = json_buffer({"operation": "divide", "operands": [1, 0]})
    with client.pipeline(manifest, chunk(wrong, 0)) as stream:
        error = stream.rest().error
    assert error_name(error) == "NODE_EXECUTION"
    assert error.failing_node_id == "a"


@PLACES
def test_an_error_text_that_utf_8_cannot_carry_still_arrives(client: Client, place: str) -> None:
    manifest = pipeline({"a": "NativeError"}, places={"a": place})
    with client.pipeline(manifest, chunk(NUMBER, 0)) as stream:
        error = stream.rest().error
    assert error_name(error) == "NODE_EXECUTION"
    assert "half a pair" in error.message


def test_results_from_before_the_fault_come_first(client: Client) -> None:
    manifest = pipeline({"a": ("ErrorProneNode", {"error_on_value": 3})}, places={"a": "native"})
    chunks = [chunk(json_buffer({"value": n}), n) for n in range(5)]
    with client.pipeline(manifest, *chunks) as stream:
        stream.wait_ready()
        rest = stream.rest()
    assert rest.sequences == [0, 1, 2][: len(rest.results)]
    assert rest.error.failing_node_id == "a"


def test_one_stream_s_fault_is_not_another_s(client: Client) -> None:
    manifest = pipeline({"a": "PassThrough"})
    with client.pipeline(manifest) as good:
        good.wait_ready()
        with client.pipeline(manifest, chunk(NUMBER, 0, "nowhere")) as bad:
            assert bad.rest().error
        good.send(chunk(audio_buffer_of_silence(), 3), control("CLOSE"))
        assert good.rest().sequences == [3]


def audio_buffer_of_silence() -> Any:
    import numpy as np

    return audio_buffer(np.zeros(160, np.float32))
