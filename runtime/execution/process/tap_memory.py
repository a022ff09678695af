"""Memory in which a node process leaves copies of its outputs for a tap that may come late.

A message for each would cost both processes a turn of their schedulers, some 200 us; to leave a
copy here takes 3 us (27 November 2026). What a killed process has left is still there.

    0     how many bytes the node process has written in all, 8 bytes
    64    how many bytes the server has taken in all, 8 bytes
    128   a ring: records of a header (see `_RECORD`) and a copy as `item_bytes` makes it
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec

from actors import DataError

_HEADER_BYTES: Final = 128
_RING_BYTES: Final = 1024 * 1024
TAP_MEMORY_BYTES: Final = _HEADER_BYTES + _RING_BYTES
"""The size. Pages that nobody has written to take no memory."""

# Length of the copy, missed, time_ns, sent.
_RECORD: Final = struct.Struct("<IIQQ")

_WRITTEN: Final = 0
_TAKEN: Final = 8
"""The indices of the counters of 8 bytes."""

_DAMAGED: Final = "the memory of its tap is damaged"


class TapRecord(msgspec.Struct, eq=False, gc=False):
    """A copy of an output.

    Attributes:
        copy: see `item_bytes`.
        missed: outputs before it that were not copied.
        time_ns: when it was emitted, in nanoseconds of the monotonic clock.
        sent: outputs that were sent over the control socket before it.
    """

    copy: bytes
    missed: int
    time_ns: int
    sent: int


class TapWriter:
    """The end of the node process.

    Attributes:
        written: how many bytes were written in all.
        taken: how many of them the server had taken, as of the last record.

    Args:
        memory: writable, of `TAP_MEMORY_BYTES`, zero at first.
    """

    def __init__(self, memory: memoryview) -> None:
        self._counters = memory[:_HEADER_BYTES].cast("Q")
        self._ring = memory[_HEADER_BYTES:]
        self.written = 0
        self.taken = 0

    @property
    def is_half_full(self) -> bool:
        """Whether the server should take what is there."""
        return self.written - self.taken > _RING_BYTES // 2

    def write(self, copy: bytes, missed: int, time_ns: int, sent: int) -> bool:
        """Add a record, as `TapRecord` describes; return False if there is no room for it."""
        written, size = self.written, _RECORD.size + len(copy)
        taken = self.taken = self._counters[_TAKEN]
        if written + size - taken > _RING_BYTES:
            return False
        begin = written % _RING_BYTES
        end = begin + size
        if end <= _RING_BYTES:
            _RECORD.pack_into(self._ring, begin, len(copy), missed, time_ns, sent)
            self._ring[begin + _RECORD.size : end] = copy
        else:
            self._put(written, _RECORD.pack(len(copy), missed, time_ns, sent))
            self._put(written + _RECORD.size, copy)
        # Last, so that the server never sees half a record. A machine that reorders what is written
        # does not bring it there before the bell either, which is a system call.
        self._counters[_WRITTEN] = self.written = written + size
        return True

    def _put(self, position: int, data: bytes) -> None:
        begin = position % _RING_BYTES
        end = begin + len(data)
        if end <= _RING_BYTES:
            self._ring[begin:end] = data
        else:
            split = _RING_BYTES - begin
            self._ring[begin:] = data[:split]
            self._ring[: end - _RING_BYTES] = data[split:]


class TapReader:
    """The end of the server.

    Args:
        memory: returns the memory, while it may be used.
    """

    def __init__(self, memory: Callable[[], memoryview]) -> None:
        self._memory = memory
        self._taken = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything is taken."""
        return self._written() == self._taken

    def read(self, until: int | None = None, sent: int | None = None) -> list[TapRecord]:
        """Return the records, and free their room.

        Args:
            until: so many bytes have been written in all before the first one that is left there.
            sent: leave those, and all after them, before which more outputs were sent.

        Raises:
            DataError: the node process wrote something else.
        """
        records: list[TapRecord] = []
        memory = self._memory()
        counters, ring = memory[:_HEADER_BYTES].cast("Q"), memory[_HEADER_BYTES:]
        position, written = self._taken, counters[_WRITTEN]
        if written - position > _RING_BYTES or (until is not None and until > written):
            raise DataError(_DAMAGED)
        end = written if until is None else until
        while position < end:
            if end - position < _RECORD.size:
                raise DataError(_DAMAGED)
            length, missed, time_ns, sent_before = _RECORD.unpack(
                _part(ring, position, _RECORD.size)
            )
            if position + _RECORD.size + length > end:
                raise DataError(_DAMAGED)
            if sent is not None and sent_before > sent:
                break
            # A copy: what the node process may still change is not to be looked at twice.
            copy = _part(ring, position + _RECORD.size, length)
            position += _RECORD.size + length
            records.append(TapRecord(copy, missed, time_ns, sent_before))
        counters[_TAKEN] = self._taken = position
        return records

    def _written(self) -> int:
        return self._memory()[:_HEADER_BYTES].cast("Q")[_WRITTEN]


def _part(ring: memoryview, position: int, length: int) -> bytes:
    begin = position % _RING_BYTES
    end = begin + length
    if end <= _RING_BYTES:
        return bytes(ring[begin:end])
    return bytes(ring[begin:]) + bytes(ring[: end - _RING_BYTES])
