"""What is mapped at an address of this process, as the kernel lists it."""

import ctypes
from pathlib import Path
from typing import Any, NamedTuple


class Mapping(NamedTuple):
    """One line of /proc/self/maps.

    Attributes:
        start: its first address.
        end: the address after its last.
        path: of the file that is mapped; empty for memory without one.
        offset: of the first address in that file, in bytes.
        inode: of that file; 0 for memory without one.
    """

    start: int
    end: int
    path: bytes
    offset: int = 0
    inode: int = 0


def mapping_at(address: int) -> Mapping | None:
    """Return the mapping that an address is in; None if it is in none."""
    with Path("/proc/self/maps").open("rb") as maps:
        for line in maps:
            bounds, _, rest = line.partition(b" ")
            start, end = (int(bound, 16) for bound in bounds.split(b"-"))
            if start <= address < end:
                fields = rest.split(None, 4)  # permissions, offset, device, inode, path
                path = fields[4].strip() if len(fields) > 4 else b""
                return Mapping(start, end, path, int(fields[1], 16), int(fields[3]))
    return None


def libc_with_mmap() -> Any:
    """Return the C library; its `mmap` takes and returns addresses, and sets ctypes' errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    return libc
