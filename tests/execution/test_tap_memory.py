"""The memory in which a node process leaves copies of its outputs for a tap."""

import struct

import pytest

from actors import DataError
from runtime.execution.process.tap_memory import TAP_MEMORY_BYTES, TapReader, TapWriter

Ends = tuple[bytearray, TapWriter, TapReader]


@pytest.fixture
def ends() -> Ends:
    memory = bytearray(TAP_MEMORY_BYTES)
    return memory, TapWriter(memoryview(memory)), TapReader(lambda: memoryview(memory))


def test_records_of_all_sizes_come_out_as_they_went_in_many_times_around(ends: Ends) -> None:
    _, writer, reader = ends
    for number in range(500):
        copies = [bytes([number % 256]) * size for size in (0, 1, number, 17 * number, 4099)]
        for time_ns, copy in enumerate(copies):
            assert writer.write(copy, number, time_ns, 0)
        assert not reader.is_empty
        records = [(each.copy, each.missed, each.time_ns) for each in reader.read()]
        assert records == [(copy, number, time_ns) for time_ns, copy in enumerate(copies)]
        assert reader.is_empty


def test_what_has_no_room_is_refused_until_the_server_has_taken_something(ends: Ends) -> None:
    _, writer, reader = ends
    count = 0
    while writer.write(bytes(10_000), 0, count, 0):
        count += 1
    assert count > 100
    assert writer.is_half_full
    assert [each.time_ns for each in reader.read()] == list(range(count))
    assert writer.write(bytes(10_000), 0, count, 0)
    assert [each.time_ns for each in reader.read()] == [count]
    assert not writer.is_half_full


def test_records_after_an_output_that_is_still_under_way_wait_for_it(ends: Ends) -> None:
    _, writer, reader = ends
    for number, sent in enumerate([0, 0, 1, 1]):
        writer.write(b"x", 0, number, sent)
    assert [each.time_ns for each in reader.read(sent=0)] == [0, 1]
    assert [each.time_ns for each in reader.read(sent=1)] == [2, 3]


def test_records_up_to_a_position_are_taken_and_no_more(ends: Ends) -> None:
    _, writer, reader = ends
    writer.write(b"x", 0, 0, 0)
    position = writer.written
    writer.write(b"y", 0, 1, 0)
    assert [each.copy for each in reader.read(position)] == [b"x"]
    assert [each.copy for each in reader.read(position)] == []
    assert [each.copy for each in reader.read()] == [b"y"]


@pytest.mark.parametrize("written", [1, 2**20 + 1, 2**40, 2**64 - 1])
def test_a_broken_node_process_is_found_out(ends: Ends, written: int) -> None:
    memory, _, reader = ends
    struct.pack_into("<Q", memory, 0, written)
    with pytest.raises(DataError, match="damaged"):
        reader.read()


def test_a_record_that_is_longer_than_what_was_written_is_refused(ends: Ends) -> None:
    memory, writer, reader = ends
    writer.write(b"x", 0, 0, 0)
    struct.pack_into("<I", memory, 128, 1000)
    with pytest.raises(DataError, match="damaged"):
        reader.read()
    with pytest.raises(DataError, match="damaged"):
        reader.read(2**40)
