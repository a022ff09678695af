"""Where betterproto2 0.10.0 reads or writes something else than the official runtime does.

Each is the library's. None of them occurs in what the official runtimes write of the contract, but
other encoders may, and whoever decodes what strangers send has to know. A newer library that mends
one fails its test here, so that the list stays true.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest

from runtime.protocol import (
    DataBuffer,
    DataChunk,
    ExecutionMetrics,
    Hello,
    JsonData,
    NodeResult,
    NodeStatus,
    StreamInit,
    TextBuffer,
)

Official = Callable[[str], Any]


def betterproto2s(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(reason=f"betterproto2: {reason}", strict=True)


def refuses(parse: Callable[[bytes], object], data: bytes) -> bool:
    try:
        parse(data)
    except Exception:
        return True
    return False


@betterproto2s("a minus zero is taken for the default and not written")
def test_minus_zero_keeps_its_sign(official: Official) -> None:
    written = official("ExecutionMetrics")(wall_time_ms=-0.0).SerializeToString()
    assert math.copysign(1, ExecutionMetrics.parse(written).wall_time_ms) == -1  # this it reads
    assert bytes(ExecutionMetrics(wall_time_ms=-0.0)) == written


# prost, the usual library of Rust clients, leaves out keys and values that are the default.
@betterproto2s("a map entry without its value gives None, which cannot be written again")
def test_a_map_entry_without_its_value_holds_an_empty_message(official: Official) -> None:
    entry = b"\x12\x03\x0a\x01a"
    assert official("StreamInit").FromString(entry).data_inputs["a"].ByteSize() == 0
    assert StreamInit.parse(entry).data_inputs == {"a": DataBuffer()}


@betterproto2s("both members stay set")
def test_the_last_member_of_a_oneof_wins(official: Official) -> None:
    both = bytes(DataBuffer(json=JsonData())) + bytes(DataBuffer(text=TextBuffer()))
    assert official("DataBuffer").FromString(both).WhichOneof("data_type") == "text"
    assert DataBuffer.parse(both).json is None


@betterproto2s("the second part replaces the first")
def test_a_message_that_comes_in_two_parts_is_put_together(official: Official) -> None:
    parts = bytes(DataChunk(buffer=DataBuffer(metadata={"a": "b"})))
    parts += bytes(DataChunk(buffer=DataBuffer(text=TextBuffer(text_data=b"t"))))
    assert dict(official("DataChunk").FromString(parts).buffer.metadata) == {"a": "b"}
    buffer = DataChunk.parse(parts).buffer
    assert buffer is not None
    assert buffer.metadata == {"a": "b"}


@betterproto2s("what is there is taken for the whole")
@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x0a\x01a\x92"], ids=["value", "tag"])
def test_data_that_ends_too_early_is_refused(data: bytes, official: Official) -> None:
    assert refuses(official("Hello").FromString, data)
    assert refuses(Hello.parse, data)


@betterproto2s("a field of another wire type is read all the same")
def test_a_field_of_another_wire_type_is_unknown(official: Official) -> None:
    number_instead_of_text = b"\x08\x05"
    assert official("Hello").FromString(number_instead_of_text).session_id == ""
    assert Hello.parse(number_instead_of_text).session_id == ""


@betterproto2s("wire types that do not exist are skipped")
@pytest.mark.parametrize("wire_type", [6, 7])
def test_a_wire_type_that_does_not_exist_is_refused(wire_type: int, official: Official) -> None:
    data = bytes([1 << 3 | wire_type])
    assert refuses(official("Hello").FromString, data)
    assert refuses(Hello.parse, data)


@betterproto2s("the number 0 is taken for an unknown field")
def test_a_field_of_number_zero_is_refused(official: Official) -> None:
    assert refuses(official("Hello").FromString, b"\x00\x00")
    assert refuses(Hello.parse, b"\x00\x00")


@betterproto2s("enums are read as 64 bits")
def test_an_enum_is_read_as_32_bits(official: Official) -> None:
    large = b"\x10\x81\x80\x80\x80\x10"  # 2 ** 32 + 1
    assert official("NodeResult").FromString(large).status == NodeStatus.SUCCESS
    assert NodeResult.parse(large).status == NodeStatus.SUCCESS


@betterproto2s("numbers are not checked: what is too large is written, and read as another")
@pytest.mark.parametrize("sequence", [2**64, -1])
def test_a_number_out_of_range_is_refused(sequence: int, official: Official) -> None:
    assert refuses(lambda _: official("DataChunk")(sequence=sequence), b"")
    assert refuses(lambda _: bytes(DataChunk(sequence=sequence)), b"")
