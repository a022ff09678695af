"""Where betterproto2 0.10.0 reads or writes something else than the official runtime does.

Each is the library's, and each is right in the codec. None of them occurs in what the official
runtimes write of the contract, but other encoders may, and whoever decodes what strangers send has
to know. A newer library that mends one fails its test here, so that the list stays true.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import betterproto2
import pytest

from runtime.wire import (
    DataBuffer,
    DataChunk,
    ExecutionMetrics,
    Hello,
    InitProgressUpdate,
    JsonData,
    NodeManifest,
    NodeResult,
    NodeStatus,
    StreamInit,
    StreamReady,
    TextBuffer,
)
from runtime.wire.codec import Codec, DecodeError, EncodeError
from runtime.wire.codec.wire_format import encode_varint

Official = Callable[[str], Any]


class Library(Protocol):
    def read(self, data: bytes, message_type: type[Any]) -> Any: ...

    def write(self, message: betterproto2.Message) -> bytes: ...

    def refuses(self, act: Callable[[], object]) -> bool: ...


class Betterproto2:
    def read(self, data: bytes, message_type: type[Any]) -> Any:
        return message_type.parse(data)

    def write(self, message: betterproto2.Message) -> bytes:
        return bytes(message)

    def refuses(self, act: Callable[[], object]) -> bool:
        return raises(act, Exception)


class OurCodec:
    def __init__(self) -> None:
        self.codec = Codec()

    def read(self, data: bytes, message_type: type[Any]) -> Any:
        return self.codec.decode(data, message_type)

    def write(self, message: betterproto2.Message) -> bytes:
        return self.codec.encode(message)

    def refuses(self, act: Callable[[], object]) -> bool:
        return raises(act, (DecodeError, EncodeError))


def raises(act: Callable[[], object], error: Any) -> bool:
    try:
        act()
    except error:
        return True
    return False


def betterproto2s(reason: str) -> pytest.MarkDecorator:
    mark = pytest.mark.xfail(reason=f"betterproto2: {reason}", strict=True)
    libraries = [pytest.param(Betterproto2(), marks=mark, id="betterproto2")]
    return pytest.mark.parametrize("library", [*libraries, pytest.param(OurCodec(), id="codec")])


def assert_both_refuse(
    data: bytes, message_type: type[Any], official: Official, library: Library
) -> None:
    theirs = official(message_type.__name__)
    assert raises(lambda: theirs.FromString(data), Exception), "the official runtime takes it"
    assert library.refuses(lambda: library.read(data, message_type))


def groups(depth: int) -> bytes:
    return b"\x2b" * depth + b"\x2c" * depth


@betterproto2s("a minus zero is taken for the default and not written")
@pytest.mark.parametrize(
    "message",
    [ExecutionMetrics(wall_time_ms=-0.0), InitProgressUpdate(progress=-0.0)],
    ids=["double", "float"],
)
def test_minus_zero_keeps_its_sign(
    message: betterproto2.Message, official: Official, library: Library
) -> None:
    (name,) = [name for name, value in vars(message).items() if isinstance(value, float)][:1]
    written = official(type(message).__name__)(**{name: -0.0}).SerializeToString()
    assert math.copysign(1, getattr(library.read(written, type(message)), name)) == -1
    assert library.write(message) == written


# prost, the usual library of Rust clients, leaves out keys and values that are the default.
@betterproto2s("a map entry without its value gives None, which cannot be written again")
def test_a_map_entry_without_its_value_holds_an_empty_message(
    official: Official, library: Library
) -> None:
    entry = b"\x12\x03\x0a\x01a"
    assert official("StreamInit").FromString(entry).data_inputs["a"].ByteSize() == 0
    assert library.read(entry, StreamInit).data_inputs == {"a": DataBuffer()}


@betterproto2s("the entry is taken all the same, and what is unknown in it is dropped")
def test_a_map_entry_with_something_unknown_is_unknown(
    official: Official, library: Library
) -> None:
    entry = b"\x52\x08\x0a\x01a\x12\x01b\x18\x01"
    theirs = official("DataBuffer").FromString(entry)
    assert not theirs.metadata
    assert theirs.SerializeToString() == entry
    ours = library.read(entry, DataBuffer)
    assert not ours.metadata
    assert library.write(ours) == entry


@betterproto2s("both members stay set")
def test_the_last_member_of_a_oneof_wins(official: Official, library: Library) -> None:
    both = bytes(DataBuffer(json=JsonData())) + bytes(DataBuffer(text=TextBuffer()))
    assert official("DataBuffer").FromString(both).WhichOneof("data_type") == "text"
    ours = library.read(both, DataBuffer)
    assert ours.json is None
    assert ours.text == TextBuffer()


@betterproto2s("what was displaced comes back")
def test_a_member_of_a_oneof_that_was_displaced_is_gone(
    official: Official, library: Library
) -> None:
    first, second = DataBuffer(json=JsonData("{}", "s")), DataBuffer(text=TextBuffer())
    data = bytes(first) + bytes(second) + bytes(DataBuffer(json=JsonData("[]")))
    assert official("DataBuffer").FromString(data).json.schema_type == ""
    assert library.read(data, DataBuffer) == DataBuffer(json=JsonData("[]"))


@betterproto2s("the second part replaces the first")
def test_a_message_that_comes_in_two_parts_is_put_together(
    official: Official, library: Library
) -> None:
    parts = bytes(DataChunk(buffer=DataBuffer(metadata={"a": "b"})))
    parts += bytes(DataChunk(buffer=DataBuffer(text=TextBuffer(text_data=b"t"))))
    assert dict(official("DataChunk").FromString(parts).buffer.metadata) == {"a": "b"}
    buffer = library.read(parts, DataChunk).buffer
    assert buffer.metadata == {"a": "b"}
    assert buffer.text.text_data == b"t"


@betterproto2s("the second part replaces the first")
def test_what_is_unknown_in_all_parts_of_a_message_is_kept(
    official: Official, library: Library
) -> None:
    parts = b"\x12\x02\x78\x01" + b"\x12\x02\x78\x02" + b"\x12\x02\x78\x03"
    together = b"\x12\x06\x78\x01\x78\x02\x78\x03"
    assert official("DataChunk").FromString(parts).SerializeToString() == together
    assert library.write(library.read(parts, DataChunk)) == together


@betterproto2s("what is there is taken for the whole")
@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x0a\x01a\x92"], ids=["value", "tag"])
def test_data_that_ends_too_early_is_refused(
    data: bytes, official: Official, library: Library
) -> None:
    assert_both_refuse(data, Hello, official, library)


@betterproto2s("a field of another wire type is read all the same")
def test_a_field_of_another_wire_type_is_unknown(official: Official, library: Library) -> None:
    number_instead_of_text = b"\x08\x05"
    assert official("Hello").FromString(number_instead_of_text).session_id == ""
    ours = library.read(number_instead_of_text, Hello)
    assert ours.session_id == ""
    assert library.write(ours) == number_instead_of_text


@betterproto2s("wire types that do not exist are skipped")
@pytest.mark.parametrize("wire_type", [6, 7])
def test_a_wire_type_that_does_not_exist_is_refused(
    wire_type: int, official: Official, library: Library
) -> None:
    assert_both_refuse(bytes([1 << 3 | wire_type]), Hello, official, library)


@betterproto2s("the number 0 is taken for an unknown field")
def test_a_field_of_number_zero_is_refused(official: Official, library: Library) -> None:
    assert_both_refuse(b"\x00\x00", Hello, official, library)


@betterproto2s("a tag may have any number of bits")
@pytest.mark.parametrize(
    "tag", [b"\x8a\x80\x80\x80\x10", b"\x8a\x80\x80\x80\x80\x00"], ids=["value", "bytes"]
)
def test_a_tag_of_more_than_32_bits_is_refused(
    tag: bytes, official: Official, library: Library
) -> None:
    assert_both_refuse(tag + b"\x01a", Hello, official, library)


@betterproto2s("a length may have any number of bytes")
def test_a_length_of_more_than_5_bytes_is_refused(official: Official, library: Library) -> None:
    assert_both_refuse(b"\x0a\x81\x80\x80\x80\x80\x00a", Hello, official, library)


@betterproto2s("the fields of a group are taken for the message's own")
def test_a_group_is_skipped_as_a_whole(official: Official, library: Library) -> None:
    group = b"\x2b\x0a\x01a\x2c"
    assert official("Hello").FromString(group).session_id == ""
    ours = library.read(group, Hello)
    assert ours.session_id == ""
    assert library.write(ours) == group


@betterproto2s("where groups end is not looked at")
@pytest.mark.parametrize("data", [b"\x2b", b"\x2c", b"\x2b\x34"], ids=["open", "end", "other"])
def test_a_group_without_its_beginning_or_end_is_refused(
    data: bytes, official: Official, library: Library
) -> None:
    assert_both_refuse(data, Hello, official, library)


@betterproto2s("there is no limit")
@pytest.mark.parametrize("levels_above", [0, 1, 2])
def test_more_than_100_levels_are_refused(
    levels_above: int, official: Official, library: Library
) -> None:
    def nested(depth: int) -> bytes:
        data = groups(depth)
        for _ in range(levels_above):  # a map's entry, and the message that is its value
            data = b"\x12" + encode_varint(len(data)) + data
        return data

    deepest = nested(100 - levels_above)
    written = official("StreamInit").FromString(deepest).SerializeToString()
    assert library.write(library.read(deepest, StreamInit)) == written
    assert_both_refuse(nested(101 - levels_above), StreamInit, official, library)


@betterproto2s("enums are read as 64 bits")
@pytest.mark.parametrize("status", [NodeStatus.UNSPECIFIED, NodeStatus.SUCCESS])
def test_an_enum_is_read_as_32_bits(
    status: NodeStatus, official: Official, library: Library
) -> None:
    large = b"\x10" + encode_varint(2**32 + status)
    assert official("NodeResult").FromString(large).status == status
    assert library.read(large, NodeResult).status is status


@betterproto2s("what lies beyond 64 bits counts")
def test_a_number_is_read_as_64_bits(official: Official, library: Library) -> None:
    beyond = b"\x20" + b"\x80" * 9 + b"\x02"
    assert official("NodeManifest").FromString(beyond).is_streaming is False
    assert library.read(beyond, NodeManifest).is_streaming is False


@betterproto2s("a list is stored where one number belongs")
def test_a_packed_list_is_unknown_where_one_number_belongs(
    official: Official, library: Library
) -> None:
    packed = b"\x12\x02\x01\x02"
    assert official("StreamReady").FromString(packed).recommended_chunk_size == 0
    assert library.read(packed, StreamReady).recommended_chunk_size == 0


@betterproto2s("numbers are not checked: what is too large is written, and read as another")
@pytest.mark.parametrize("sequence", [2**64, -1])
def test_a_number_out_of_range_is_refused(
    sequence: int, official: Official, library: Library
) -> None:
    assert raises(lambda: official("DataChunk")(sequence=sequence), ValueError)
    assert library.refuses(lambda: library.write(DataChunk(sequence=sequence)))


@betterproto2s("both are written")
def test_two_members_of_a_oneof_are_not_written(library: Library) -> None:
    both = DataBuffer(json=JsonData(), text=TextBuffer())
    assert library.refuses(lambda: library.write(both))
