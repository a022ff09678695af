"""Segments of shared memory that items refer to: what this process has of them, and maps.

A segment is a file that iceoryx2 has made for a producer. A reader of that producer has it mapped
by iceoryx2; a reader further down the pipeline maps it here, for reading only.
"""

import ctypes
import errno
import mmap
import os
import stat
from contextlib import suppress
from typing import Any, Final

import msgspec

from actors import DataError

from .borrows import SlotKey
from .mappings import libc_with_mmap, mapping_at
from .refusals import refusals_explained
from .specs import SEGMENTS, DomainSpec

_MAP_FAILED: Final = ctypes.c_void_p(-1).value
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# What a session has of producers is less; a broken node process could name any number of files.
_MOST_MAPS: Final = 128
_MOST_KNOWN: Final = 256


class Segment(msgspec.Struct, eq=False):
    """A part of a file of shared memory that is mapped into this process.

    Attributes:
        name: of the file.
        inode: of the file; names may be used again, these are not.
        begin: its first address.
        end: the address after its last.
        offset: of the first address in the file, in bytes.
        owner: keeps the mapping alive; None if iceoryx2 does.
    """

    name: bytes
    inode: int
    begin: int
    end: int
    offset: int
    owner: object = None


class Target(msgspec.Struct, frozen=True, eq=False):
    """What a reference refers to, found and checked.

    Attributes:
        place: the segment, and where in this process the slot lies: address and length.
        slot: what tells the slot from every other.
        address: of so many bytes before the array as a header has.
        extent: the bytes that the array spans.
        array_bytes: its own.
        strides: in bytes; empty if its elements are one after the other.
        first_byte: where in the extent the first element is.
    """

    place: tuple[Segment, int, int]
    slot: SlotKey
    address: int
    extent: int
    array_bytes: int
    strides: tuple[int, ...]
    first_byte: int


def segment_at(address: int) -> Segment | None:
    """Return the segment that is mapped at an address; None if none is."""
    mapping = mapping_at(address)
    if mapping is None:
        return None
    name = os.path.basename(mapping.path)
    return Segment(name, mapping.inode, mapping.start, mapping.end, mapping.offset)


class _Mapping:
    """Owns a mapping."""

    def __init__(self, libc: Any, address: int, size: int) -> None:
        self._libc = libc
        self._address = address
        self._size = size

    def __del__(self) -> None:
        self._libc.munmap(ctypes.c_void_p(self._address), ctypes.c_size_t(self._size))


class SegmentMaps:
    """What this process maps of a session's segments because items refer to it.

    A mapping lives as long as this object has it, or anything views it.

    Attributes:
        known: what references referred to lately. A producer uses its slots again and again, and so
            do those who hand them on.
    """

    def __init__(self, domain: DomainSpec) -> None:
        self._prefix = os.fsencode(domain.prefix)
        self._libc = libc_with_mmap()
        self._segments: dict[tuple[bytes, int], Segment] = {}
        self.known: dict[bytes, Target] = {}

    def find(self, name: bytes, inode: int, size: int) -> Segment:
        """Return a segment of at least `size` bytes.

        Raises:
            DataError: the session has no such segment.
            SharedMemoryError: it cannot be mapped.
        """
        segment = self._segments.get((name, inode))
        if segment is None:
            segment = self._open(name, inode)
        if size > segment.end - segment.begin:
            raise DataError(f"it refers to {size} bytes of {segment.end - segment.begin}")
        return segment

    def clear(self) -> None:
        """Let go of all; what is viewed stays mapped as long as it is."""
        self._segments.clear()
        self.known.clear()

    def keep(self, record: bytes, target: Target) -> None:
        """Remember what a reference refers to."""
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[record] = target

    def _open(self, name: bytes, inode: int) -> Segment:
        if not name.startswith(self._prefix) or b"/" in name or b"\0" in name:
            raise DataError(f"it refers to {name[:300]!r}, which is not of this session")
        self._forget_removed()
        with refusals_explained("memory that an item refers to"):
            try:
                descriptor = os.open(os.path.join(os.fsencode(SEGMENTS), name), _OPEN)
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
                    raise
                raise DataError(f"it refers to {name!r}: {error.strerror}") from error
            try:
                segment = self._map(descriptor, name, inode)
            finally:
                os.close(descriptor)
        self._segments[name, inode] = segment
        return segment

    def _map(self, descriptor: int, name: bytes, inode: int) -> Segment:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_ino != inode or not found.st_size:
            raise DataError(f"it refers to {name!r}, which is another file")
        address = self._libc.mmap(
            None, found.st_size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0
        )
        if address is None or address == _MAP_FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        owner = _Mapping(self._libc, address, found.st_size)
        return Segment(name, inode, address, address + found.st_size, 0, owner)

    def _forget_removed(self) -> None:
        """Let go of segments that their producers have replaced by larger ones."""
        self.known.clear()
        for key in list(self._segments):
            name, inode = key
            with suppress(FileNotFoundError):
                if os.stat(os.path.join(os.fsencode(SEGMENTS), name)).st_ino == inode:
                    continue
            del self._segments[key]
        while len(self._segments) >= _MOST_MAPS:
            del self._segments[next(iter(self._segments))]
