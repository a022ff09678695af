"""How much one message may hold: counted while it is read, before objects are made of it."""

from collections.abc import Callable
from typing import Any

import pytest

from runtime.config import MOST_CONNECTIONS, MOST_NODES
from runtime.wire import (
    AudioBuffer,
    CapabilityRequirements,
    Connection,
    CpuRequirement,
    DataBuffer,
    DataChunk,
    DataTypeHint,
    ExecuteRequest,
    GpuRequirement,
    Hello,
    ManifestMetadata,
    MultiprocessConfig,
    NodeManifest,
    NumpyBuffer,
    PipelineManifest,
    RuntimeHint,
    StreamInit,
    StreamRequest,
    TensorBuffer,
)
from runtime.wire.codec import Codec, DecodeError, MessageLimitError
from runtime.wire.codec.limits import MOST_FIELDS
from runtime.wire.codec.wire_format import encode_varint
from tests.wire.every_type import EveryType

MANY = 500_000

TOO_MANY_FIELDS: dict[str, tuple[bytes, type[Any]]] = {
    "empty members of a oneof": (b"\x0a\x00", StreamRequest),
    "members of a oneof in turn": (b"\x0a\x00\x12\x00", StreamRequest),
    "one field again and again": (b"\x20\x01", DataChunk),
    "one map key again and again": (b"\x1a\x00", DataChunk),
    "text again and again": (b"\x0a\x00", Hello),
    "unknown fields": (b"\x78\x01", Hello),
    "unknown fields with long tags": (b"\xf8\xff\xff\xff\x0f\x00", Hello),
    "unknown groups": (b"\x7b\x7c", Hello),
    "unknown groups within each other": (b"\x7b" * 99 + b"\x7c" * 99, Hello),
    "empty packed lists": (b"\x12\x00", TensorBuffer),
}
TOO_MANY_VALUES: dict[str, tuple[bytes, type[Any], str, int]] = {
    "nodes": (b"\x1a\x00", PipelineManifest, "PipelineManifest.nodes", MOST_NODES),
    "connections": (b"\x22\x00", PipelineManifest, "PipelineManifest.connections", 10_000),
    "inputs of a run": (b"\x12\x03\x0a\x01%d", ExecuteRequest, "ExecuteRequest.data_inputs", 1000),
    "inputs of a stream": (b"\x12\x03\x0a\x01%d", StreamInit, "StreamInit.data_inputs", 1000),
    "named buffers": (b"\x1a\x03\x0a\x01%d", DataChunk, "DataChunk.named_buffers", 1000),
    "bundle metadata": (b"\x32\x03\x0a\x01%d", DataChunk, "DataChunk.bundle_metadata", 1000),
    "metadata": (b"\x52\x03\x0a\x01%d", DataBuffer, "DataBuffer.metadata", 1000),
    "overrides": (b"\x32\x03\x0a\x01%d", MultiprocessConfig, "executor_overrides", 1000),
    "dimensions, one by one": (b"\x10\x01", TensorBuffer, "TensorBuffer.shape", 100),
    "dimensions, packed": (b"\x12\x01\x01", TensorBuffer, "TensorBuffer.shape", 100),
    "strides": (b"\x20\x01", NumpyBuffer, "NumpyBuffer.strides", 100),
    "input types": (b"\x40\x01", NodeManifest, "NodeManifest.input_types", 100),
    "output types": (b"\x48\x01", NodeManifest, "NodeManifest.output_types", 100),
}


def sized(field: int, content: bytes) -> bytes:
    return encode_varint(field << 3 | 2) + encode_varint(len(content)) + content


def refusal(codec: Codec, data: bytes, message_type: type[Any]) -> MessageLimitError:
    """Return the error of `data`, which is the same for both forms of it and for short messages."""
    with pytest.raises(MessageLimitError) as of_bytes:
        codec.decode(data, message_type)
    with pytest.raises(MessageLimitError) as of_view:
        codec.decode(memoryview(data), message_type)
    assert str(of_bytes.value) == str(of_view.value)
    return of_bytes.value


@pytest.mark.parametrize(
    ("field", "message_type"), TOO_MANY_FIELDS.values(), ids=TOO_MANY_FIELDS.keys()
)
def test_a_message_of_too_many_fields_is_not_read_to_its_end(
    field: bytes, message_type: type[Any], codec: Codec
) -> None:
    data = field * (2 * MANY // len(field))
    error = refusal(codec, data, message_type)
    assert f"more than {MOST_FIELDS} fields in one message" in str(error)
    assert error.offset <= MOST_FIELDS * len(field)
    assert codec.decode_short(data, message_type) is None
    assert codec.decode_short(memoryview(data), message_type) is None


def test_fields_of_a_group_are_counted(codec: Codec) -> None:
    error = refusal(codec, b"\x7b" + b"\x08\x01" * MANY + b"\x7c", Hello)
    assert f"more than {MOST_FIELDS} fields in one message" in str(error)


def test_members_of_a_packed_list_are_counted(codec: Codec) -> None:
    error = refusal(codec, sized(2, bytes(MANY)), TensorBuffer)
    assert f"TensorBuffer.shape, at byte 0: more than {MOST_FIELDS} fields" in str(error)
    packed_doubles = EveryType(repeated_double=[0.5] * MANY)
    error = refusal(codec, codec.encode(packed_doubles), EveryType)
    assert f"EveryType.repeated_double, at byte 0: more than {MOST_FIELDS} fields" in str(error)


def test_fields_are_counted_through_all_levels(codec: Codec) -> None:
    half = sized(1, b"\x10\x01" * (MOST_FIELDS // 2))  # an audio buffer's sample rate
    chunk = codec.decode(sized(2, half), DataChunk)
    assert chunk.buffer is not None
    inputs = b"".join(sized(2, sized(1, name) + sized(2, half)) for name in (b"a", b"b"))
    error = refusal(codec, inputs, StreamInit)
    assert "AudioBuffer.sample_rate" in str(error)
    assert f"more than {MOST_FIELDS} fields" in str(error)


@pytest.mark.parametrize(
    ("field", "message_type", "where", "most"), TOO_MANY_VALUES.values(), ids=TOO_MANY_VALUES
)
def test_a_list_or_map_of_too_many_values_names_its_field_and_limit(
    field: bytes, message_type: type[Any], where: str, most: int, codec: Codec
) -> None:
    def values(count: int) -> bytes:
        if b"%d" not in field:
            return field * count
        tag = field[:1]
        return b"".join(
            tag + bytes([len(key) + 2, 10, len(key)]) + key
            for key in (b"%d" % number for number in range(count))
        )

    codec.decode(values(most), message_type)
    error = refusal(codec, values(most + 1), message_type)
    assert where in str(error)
    assert f"more than {most} values" in str(error)
    if most < 1000:  # else it may be too many fields for a short message
        with pytest.raises(MessageLimitError, match=f"more than {most} values"):
            codec.decode_short(values(most + 1), message_type)


def largest_manifest() -> PipelineManifest:
    """Return a manifest with the most nodes and connections, and every field of them."""
    names = [f"node-{number}" for number in range(MOST_NODES)]
    types = [each for each in DataTypeHint if each]
    needs = CapabilityRequirements(GpuRequirement("cuda", 8, True), CpuRequirement(4, "any"), 16)

    def node(name: str) -> NodeManifest:
        hint = RuntimeHint.AUTO
        return NodeManifest(name, "SomeNode", "{}", True, needs, "machine:1", hint, types, types)

    settings = MultiprocessConfig(1, 2, 3, "python", True, dict.fromkeys(names, "native"))
    return PipelineManifest(
        "v1",
        ManifestMetadata("name", "description", "2025-01-01", settings),
        [node(name) for name in names],
        [Connection(names[n % 990], names[n // 990]) for n in range(MOST_CONNECTIONS)],
    )


def test_the_largest_manifest_with_an_input_for_each_node_is_read(codec: Codec) -> None:
    audio = DataBuffer(audio=AudioBuffer(bytes(64), 16_000, 1, 1, 16), metadata={"a": "b"})  # type: ignore[arg-type]
    inputs = {f"node-{number}": audio for number in range(MOST_NODES)}
    init = StreamRequest(init=StreamInit(largest_manifest(), inputs, client_version="1"))
    data = codec.encode(init)
    assert codec.decode(data, StreamRequest) == init
    assert codec.decode_short(data, StreamRequest) is None


@pytest.mark.parametrize("read", [Codec.decode, Codec.decode_short])
def test_a_large_payload_is_one_field(read: Callable[..., Any], codec: Codec) -> None:
    data = codec.encode(DataChunk("echo", DataBuffer(audio=AudioBuffer(bytes(10 * 1024 * 1024)))))
    for form in (data, memoryview(data)):
        chunk = read(codec, form, DataChunk)
        assert len(chunk.buffer.audio.samples) == 10 * 1024 * 1024


def test_a_codec_may_allow_more_or_fewer_fields() -> None:
    few = Codec(most_fields=10)
    assert few.decode(b"\x0a\x01a" * 9, Hello).session_id == "a"
    assert few.decode_short(b"\x0a\x01a" * 9, Hello) == Hello("a")
    for read in (few.decode, few.decode_short):
        with pytest.raises(MessageLimitError, match="more than 10 fields in one message"):
            read(b"\x0a\x01a" * 10, Hello)
    Codec(most_fields=2 * MANY).decode(b"\x0a\x01a" * MANY, Hello)


def test_damage_in_a_short_message_is_no_question_of_limits(codec: Codec) -> None:
    with pytest.raises(DecodeError, match="the data ends within it") as caught:
        codec.decode_short(b"\x0a\x05a", Hello)
    assert not isinstance(caught.value, MessageLimitError)
