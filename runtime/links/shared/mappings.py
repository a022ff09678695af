"""What is mapped at an address of this process, as the kernel lists it."""

from pathlib import Path
from typing import NamedTuple


class Mapping(NamedTuple):
    """One line of /proc/self/maps.

    Attributes:
        start: its first address.
        end: the address after its last.
        path: of the file that is mapped; empty for memory without one.
    """

    start: int
    end: int
    path: bytes


def mapping_at(address: int) -> Mapping | None:
    """Return the mapping that an address is in; None if it is in none."""
    with Path("/proc/self/maps").open("rb") as maps:
        for line in maps:
            bounds, _, rest = line.partition(b" ")
            start, end = (int(bound, 16) for bound in bounds.split(b"-"))
            if start <= address < end:
                fields = rest.split(None, 4)  # permissions, offset, device, inode, path
                return Mapping(start, end, fields[4].strip() if len(fields) > 4 else b"")
    return None
