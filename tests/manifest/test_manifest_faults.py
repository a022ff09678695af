import json
from typing import Any

import pytest

from runtime.errors import ErrorType, ManifestError
from runtime.manifest import manifest_from, parse_manifest

from .manifests import good, pipeline

GONE = object()


def faults_of(value: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        manifest_from(value)
    assert caught.value.error_type is ErrorType.VALIDATION
    return [str(fault) for fault in caught.value.faults]


def spoiled(path: str, value: object) -> dict[str, Any]:
    """Return a good manifest with one value replaced, or taken out."""
    manifest = good()
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    part: Any = manifest
    for step in way:
        part = part[step]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return manifest


MULTI = "metadata.multiprocess"
ONE_FAULT = [
    # required keys
    ("version", GONE, 'version: is missing; expected "v1"'),
    ("metadata", GONE, "metadata: is missing; expected an object"),
    ("nodes", GONE, "nodes: is missing; expected a list that is not empty, each item an object"),
    ("connections", GONE, "connections: is missing; expected a list, each item an object"),
    ("metadata.name", GONE, "metadata.name: is missing; expected text of 1 to 255 characters"),
    ("nodes.0.node_type", GONE, "node 'a': node_type: is missing; expected text of 1 to 255"),
    ("connections.0.to", GONE, "connections[0]: to: is missing; expected 1 to 255 of the char"),
    # unknown keys
    ("nodez", 1, 'nodez: unknown key; did you mean "nodes"?'),
    ("nodes.1.nodeType", "X", "node 'b': nodeType: unknown key; did you mean \"node_type\"?"),
    ("nodes.1.zzz", 1, "node 'b': zzz: unknown key; known keys: id, node_type, params"),
    ("connections.1.form", "a", 'connection a -> c: form: unknown key; did you mean "from"?'),
    ("nodes.1.capabilities.gpus", {}, 'capabilities.gpus: unknown key; did you mean "gpu"?'),
    ("nodes.1.capabilities.gpu.kind", 1, "capabilities.gpu.kind: unknown key; known keys: type"),
    ("nodes.1.capabilities.cpu.core", 1, 'cpu.core: unknown key; did you mean "cores"?'),
    (f"{MULTI}.chanel_capacity", 1, 'unknown key; did you mean "channel_capacity"?'),
    # types and ranges
    ("version", "v2", 'version: got "v2"; expected "v1"'),
    ("version", 1, 'version: got 1; expected "v1"'),
    ("metadata", [], "metadata: got []; expected an object"),
    ("metadata.name", "", 'metadata.name: got ""; expected text of 1 to 255 characters'),
    ("metadata.name", "x" * 256, "expected text of 1 to 255 characters"),
    ("metadata.description", 5, "metadata.description: got 5; expected text"),
    ("metadata.created_at", "yesterday", 'got "yesterday"; expected an ISO 8601 date and time'),
    ("nodes", [], "nodes: got []; expected a list that is not empty"),
    ("nodes", {}, "nodes: got {}; expected a list that is not empty"),
    ("nodes.0", "a", 'nodes[0]: got "a"; expected an object'),
    ("nodes.0.node_type", "", "node 'a': node_type: got \"\"; expected text of 1 to 255"),
    ("nodes.0.params", [1], "node 'a': params: got [1]; expected an object, or an object as JSON"),
    ("nodes.0.params", "{", "node 'a': params: is not JSON: line 1: expected a key"),
    ("nodes.0.params", '{"a": NaN}', "node 'a': params: is not JSON: line 1: expected a value"),
    ("nodes.0.params", "[]", "node 'a': params: got JSON text of no object; expected a JSON obj"),
    ("nodes.0.params", '{"a":1,"a":2}', 'in its JSON, line 1: the key "a" is there twice'),
    ("nodes.1.is_streaming", "yes", "node 'b': is_streaming: got \"yes\"; expected true or false"),
    ("nodes.1.is_streaming", 1, "node 'b': is_streaming: got 1; expected true or false"),
    ("nodes.1.host", "worker", 'host: got "worker"; expected "name:port" such as'),
    ("nodes.1.host", "worker:0", 'host: got "worker:0"; expected "name:port"'),
    ("nodes.1.host", "worker:65536", 'expected "name:port"'),
    ("nodes.1.host", "worker:1\n", 'expected "name:port"'),
    ("nodes.1.runtime_hint", "cpythn", 'got "cpythn"; expected one of "rustpython", "cpython"'),
    ("nodes.1.runtime_hint", 5, "runtime_hint: got 5; expected one of"),
    ("nodes.1.runtime_hint", True, "runtime_hint: got true; expected one of"),
    ("nodes.1.input_types", "audio", 'input_types: got "audio"; expected a list, each item one'),
    ("nodes.1.input_types", ["sound"], 'input_types[0]: got "sound"; expected one of "audio"'),
    ("nodes.1.output_types", [1, 9], "output_types[1]: got 9; expected one of"),
    ("nodes.1.capabilities", 1, "capabilities: got 1; expected an object"),
    ("nodes.1.capabilities.gpu.type", "tpu", 'got "tpu"; expected "cuda", "rocm", "metal", "vul'),
    ("nodes.1.capabilities.gpu.min_memory_gb", -1, "got -1; expected a number from 0 to 1000000"),
    ("nodes.1.capabilities.gpu.required", 0, "required: got 0; expected true or false"),
    ("nodes.1.capabilities.cpu.cores", 0, "cores: got 0; expected an integer from 1 to"),
    ("nodes.1.capabilities.cpu.arch", "mips", 'arch: got "mips"; expected "x86_64", "aarch64"'),
    ("nodes.1.capabilities.memory_gb", "8", 'got "8"; expected a number from 0 to 1000000'),
    ("connections", {}, "connections: got {}; expected a list, each item an object"),
    ("connections.0", ["a", "b"], 'connections[0]: got ["a", "b"]; expected an object'),
    ("connections.0.to", 3, "connections[0]: to: got 3; expected 1 to 255 of the characters"),
    (MULTI, 3, "metadata.multiprocess: got 3; expected an object"),
    (f"{MULTI}.channel_capacity", 0, "got 0; expected an integer from 1 to 10000"),
    (f"{MULTI}.channel_capacity", 10001, "got 10001; expected an integer from 1 to 10000"),
    (f"{MULTI}.channel_capacity", True, "got true; expected an integer from 1 to 10000"),
    (f"{MULTI}.channel_capacity", "7", 'got "7"; expected an integer from 1 to 10000'),
    (f"{MULTI}.channel_capacity", 7.0, "got 7.0; expected an integer from 1 to 10000"),
    (f"{MULTI}.max_processes_per_session", 0, "got 0; expected an integer from 1 to"),
    (f"{MULTI}.init_timeout_secs", 0, "got 0; expected a number > 0 and <= 300"),
    (f"{MULTI}.init_timeout_secs", 300.5, "got 300.5; expected a number > 0 and <= 300"),
    (f"{MULTI}.init_timeout_secs", True, "got true; expected a number > 0 and <= 300"),
    (f"{MULTI}.enable_backpressure", 1, "got 1; expected true or false"),
    (f"{MULTI}.python_executable", "", 'got ""; expected text that is not empty'),
    (f"{MULTI}.executor_overrides", ["b"], "expected an object of node id to executor name"),
    (f"{MULTI}.executor_overrides.b", 3, "executor_overrides.b: got 3; expected text of 1 to 255"),
    (f"{MULTI}.executor_overrides.bb", "native", 'no node has the id "bb"; did you mean "b"?'),
    # connections
    ("connections.0.to", "x", 'connection a -> x: to: no node has the id "x"; nodes: a, b, c'),
    ("connections.0.to", "B", 'to: no node has the id "B"; did you mean "b"?'),
    ("connections.1.to", "b", "connection a -> b: is there already as connections[0]; keep one"),
    ("connections.0.to", "a", "connection a -> a: a node cannot read its own output"),
]


@pytest.mark.parametrize(("path", "value", "message"), ONE_FAULT)
def test_one_mistake_is_one_fault_with_its_place_and_the_accepted_form(path, value, message):
    manifest = spoiled(path, value)
    if path == "nodes" or path.startswith("nodes.0"):
        # Without them, connections and overrides have mistakes of their own.
        manifest["connections"] = []
        if value in (GONE, [], {}):
            del manifest["metadata"]["multiprocess"]
    (fault,) = faults_of(manifest)
    assert message in fault


@pytest.mark.parametrize("node_id", ["", "a b", "a\n", "ä", "a.b", "x" * 256, "a/b"])
def test_an_id_is_of_letters_digits_hyphens_and_underscores(node_id: str):
    manifest = pipeline("a")
    manifest["nodes"][0]["id"] = node_id
    (fault,) = faults_of(manifest)
    assert fault.endswith("expected 1 to 255 of the characters a-z A-Z 0-9 _ -")


@pytest.mark.parametrize("value", [None, [], "v1", 3, True])
def test_a_manifest_is_an_object(value):
    with pytest.raises(ManifestError, match="expected an object"):
        parse_manifest(json.dumps(value), "m.json")


def test_ids_are_unique_and_the_fault_names_both_places():
    text = json.dumps(pipeline("a", "b", "a"), indent=1)
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "m.json")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if '"id": "a"' in line]
    assert str(caught.value) == (
        f"m.json:{lines[1]}: node 'a': id: nodes[2]: nodes[0] on line {lines[0]} has this id "
        "already; expected an id of its own"
    )


def test_a_cycle_is_named_with_its_nodes_in_order():
    (fault,) = faults_of(pipeline("a", "b", "c", "d", edges="a>b b>c c>a c>d"))
    assert fault.startswith("connections: a cycle: a -> b -> c -> a; ")


def test_every_knot_is_reported_once():
    faults = faults_of(
        pipeline(*"abcdefg", edges="a>b b>a b>c c>b d>e e>f f>d f>g"),
    )
    assert [fault.split(";")[0] for fault in faults] == [
        "connections: a cycle: a -> b -> a (and others through c)",
        "connections: a cycle: d -> e -> f -> d",
    ]


def test_a_node_that_is_wrong_does_not_make_the_list_too_short():
    manifest = pipeline("a")
    manifest["nodes"][0] = 3
    assert faults_of(manifest) == ["nodes[0]: got 3; expected an object"]


def test_a_long_cycle_is_found():
    ids = [f"n{index}" for index in range(1000)]
    edges = " ".join(f"{a}>{b}" for a, b in zip(ids, [*ids[1:], ids[0]], strict=True))
    (fault,) = faults_of(pipeline(*ids, edges=edges))
    assert fault.startswith("connections: a cycle: n0 -> n1 -> ")


def test_further_metadata_is_accepted():
    manifest = spoiled("metadata.multiproces", {"channel_capacity": 0})
    assert manifest_from(manifest).metadata.extra["multiproces"] == {"channel_capacity": 0}


def test_all_faults_come_at_once_in_the_order_of_the_file():
    text = """\
version: v1
metadata: {name: x, multiprocess: {channel_capacity: none}}
nodes:
  - id: a
    node_type: PassThrough
    prams: {}
  - id: b
    id: c
    node_type: PassThrough
connections:
  - {from: a, to: d}
  - {from: a}
"""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "m.yaml")
    assert [str(fault).split(";")[0] for fault in caught.value.faults] == [
        'm.yaml:8: the key "id" is there twice, first on line 7',
        'm.yaml:2: metadata.multiprocess.channel_capacity: got "none"',
        "m.yaml:6: node 'a': prams: unknown key",
        'm.yaml:11: connection a -> d: to: no node has the id "d"',
        "m.yaml:12: connections[1]: to: is missing",
    ]
    assert str(caught.value).startswith("5 faults:\n  m.yaml:8: ")


def test_thousands_of_faults_are_counted_and_not_all_listed():
    ids = [f"node{index}" for index in range(500)]
    manifest = pipeline(*ids)
    manifest["connections"] = [{"from": f"x{id_}", "to": f"y{id_}"} for id_ in ids]
    faults = faults_of(manifest)
    assert len(faults) == 51
    assert "more like these" in faults[-1]


def test_more_nodes_or_connections_than_the_format_has_are_refused():
    ids = [f"n{index}" for index in range(1001)]
    assert "nodes: got 1001; expected at most 1000" in faults_of(pipeline(*ids))
    manifest = pipeline("a", "b")
    manifest["connections"] = [{"from": "a", "to": "b"}] * 10_001
    assert faults_of(manifest) == ["connections: got 10001; expected at most 10000"]


def test_what_a_client_wrote_cannot_break_a_message_into_lines():
    manifest = spoiled("a\nb: forged fault", 1)
    (fault,) = faults_of(manifest)
    assert "\n" not in fault
    manifest = spoiled("connections.0.to", "x\n  y: forged fault")
    assert all("\n" not in fault for fault in faults_of(manifest))
