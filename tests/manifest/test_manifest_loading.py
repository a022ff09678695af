import json
from pathlib import Path

import pytest

from runtime.errors import ManifestError
from runtime.manifest import (
    Capabilities,
    Connection,
    CpuRequirement,
    DataTypeHint,
    GpuRequirement,
    MultiprocessSettings,
    NodeId,
    RuntimeHint,
    load_manifest,
    manifest_from,
    parse_manifest,
)

JSON_TEXT = """\
{
  "version": "v1",
  "metadata": {
    "name": "speech",
    "description": "says it again",
    "created_at": "2026-01-31T12:00:00Z",
    "multiprocess": {"channel_capacity": 7, "executor_overrides": {"echo": "native"}},
    "owner": {"team": ["audio"]}
  },
  "nodes": [
    {"id": "chunk", "node_type": "AudioChunkerNode", "params": {"chunkSize": 256},
     "capabilities": {"gpu": {"type": "cuda", "min_memory_gb": 2}, "cpu": {"cores": 2}},
     "runtime_hint": "cpython", "input_types": ["audio", 1, "DATA_TYPE_HINT_ANY"]},
    {"id": "echo", "node_type": "EchoNode", "is_streaming": true}
  ],
  "connections": [{"from": "chunk", "to": "echo"}]
}
"""

YAML_TEXT = """\
version: v1
metadata:
  name: speech
  description: says it again
  created_at: 2026-01-31T12:00:00Z
  multiprocess:
    channel_capacity: 7
    executor_overrides: {echo: native}
  owner:
    team: [audio]
nodes:
  - id: chunk
    node_type: AudioChunkerNode
    params: {chunkSize: 256}
    capabilities:
      gpu: {type: cuda, min_memory_gb: 2}
      cpu: {cores: 2}
    runtime_hint: cpython
    input_types: [audio, 1, DATA_TYPE_HINT_ANY]
  - id: echo
    node_type: EchoNode
    is_streaming: true
connections:
  - from: chunk
    to: echo
"""


def test_a_manifest_has_the_values_of_its_keys():
    manifest = parse_manifest(JSON_TEXT, "speech.json")
    assert manifest.version == "v1"
    assert manifest.metadata.name == "speech"
    assert manifest.metadata.created_at == "2026-01-31T12:00:00Z"
    assert manifest.metadata.extra == {"owner": {"team": ["audio"]}}
    assert manifest.metadata.multiprocess == MultiprocessSettings(
        {"channel_capacity": 7}, {NodeId("echo"): "native"}
    )
    chunk, echo = manifest.nodes
    assert chunk.params == {"chunkSize": 256}
    assert chunk.capabilities == Capabilities(GpuRequirement("cuda", 2.0), CpuRequirement(2))
    assert chunk.runtime_hint is RuntimeHint.CPYTHON
    assert chunk.input_types == (DataTypeHint.AUDIO, DataTypeHint.AUDIO, DataTypeHint.ANY)
    assert (chunk.is_streaming, echo.is_streaming) == (False, True)
    assert manifest.connections == (Connection(NodeId("chunk"), NodeId("echo")),)


def test_yaml_json_and_parsed_objects_mean_the_same():
    by_json = parse_manifest(JSON_TEXT, "speech.json")
    assert parse_manifest(YAML_TEXT, "speech.yaml") == by_json
    assert manifest_from(json.loads(JSON_TEXT)) == by_json


@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a", "a.txt"])
def test_json_is_known_by_suffix_or_by_its_brace(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text(JSON_TEXT)
    assert load_manifest(path).metadata.name == "speech"


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "a", "a.manifest"])
def test_yaml_is_known_by_suffix_or_by_having_no_brace(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text(YAML_TEXT)
    assert load_manifest(str(path)).metadata.name == "speech"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + JSON_TEXT.encode())
    assert load_manifest(path).metadata.name == "speech"


@pytest.mark.parametrize("text", ["", "{}", '{"factor": 2}', ' {"factor": [1, "\\u00e9"]} '])
def test_params_may_be_json_text_as_in_the_proto(text: str):
    value = json.loads(JSON_TEXT)
    value["nodes"][0]["params"] = text
    assert manifest_from(value).nodes[0].params == json.loads(text or "{}")


def test_keys_that_a_proto_message_leaves_empty_count_as_not_set():
    value = json.loads(JSON_TEXT)
    value["metadata"].update(description="", created_at="")
    value["nodes"][0].update(
        params="", host="", runtime_hint=0, input_types=[], capabilities=None, is_streaming=False
    )
    node = manifest_from(value).nodes[0]
    assert (node.host, node.params, node.runtime_hint) == ("", {}, RuntimeHint.UNSPECIFIED)
    assert node.capabilities is None


@pytest.mark.parametrize(
    "date", ["2026-01-31", "2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00.123456789Z"]
)
def test_dates_of_other_writers_are_taken_as_they_are(date: str):
    value = json.loads(JSON_TEXT)
    value["metadata"]["created_at"] = date
    assert manifest_from(value).metadata.created_at == date


@pytest.mark.parametrize("host", ["worker-1:50051", "10.0.0.7:1", "[::1]:65535"])
def test_a_host_is_a_name_and_a_port(host: str):
    value = json.loads(JSON_TEXT)
    value["nodes"][0]["host"] = host
    assert manifest_from(value).nodes[0].host == host


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path):
    with pytest.raises(ManifestError, match=r"no\.json: cannot be read: No such file"):
        load_manifest(tmp_path / "no.json")


def test_a_folder_is_a_fault(tmp_path: Path):
    with pytest.raises(ManifestError, match="cannot be read: Is a directory"):
        load_manifest(tmp_path)


def test_a_name_with_a_null_character_is_a_fault():
    with pytest.raises(ManifestError, match="cannot be read: embedded null"):
        load_manifest("a\0b.json")


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a"])
@pytest.mark.parametrize("raw", [b"", b" \n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_a_fault(tmp_path: Path, name: str, raw: bytes):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(ManifestError, match="is empty; expected a manifest"):
        load_manifest(tmp_path / name)


def test_bytes_that_are_not_utf8_are_a_fault_with_their_line(tmp_path: Path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("version: v1\nmetadata: {name: Jürgen}\n".encode("latin-1"))
    with pytest.raises(ManifestError, match=r"latin\.yaml:2: byte 0xfc is not UTF-8"):
        load_manifest(path)


def test_a_file_of_megabytes_is_refused_unread(tmp_path: Path):
    path = tmp_path / "huge.json"
    path.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(ManifestError, match="is larger than 1048576 bytes"):
        load_manifest(path)
    with pytest.raises(ManifestError, match="is larger than 1048576 bytes"):
        parse_manifest(" " * (1024 * 1024 + 1))


def test_a_manifest_keeps_no_lines_of_a_parsed_object():
    manifest = manifest_from(json.loads(JSON_TEXT))
    assert manifest.where(("nodes", 1, "params", "x")) == "node 'echo': params.x"


def test_a_manifest_knows_the_line_of_everything():
    for text, name, line in ((JSON_TEXT, "m.json", 14), (YAML_TEXT, "m.yaml", 20)):
        manifest = parse_manifest(text, name)
        assert manifest.where(("nodes", 1, "id")) == f"{name}:{line}: node 'echo': id"
