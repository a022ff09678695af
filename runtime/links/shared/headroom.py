"""Room in /dev/shm and in the session's budget, made sure of before anything is written there.

Shared memory is only given pages when it is touched. If there is none left, the kernel kills the
process that touched it with SIGBUS. So pages are asked for beforehand, in a way that can fail.
"""

import ctypes
import errno
import mmap
import os
from contextlib import suppress
from typing import Final

from ...errors import SharedMemoryError
from .refusals import free_bytes, refusals_explained
from .specs import SEGMENTS, ChannelSpec, DomainSpec

_POPULATE_WRITE: Final = 23  # MADV_POPULATE_WRITE from <asm-generic/mman-common.h>, Linux 5.14
_REMOVE: Final = 9  # MADV_REMOVE

# The budget is looked at once per so many new bytes, not for every new slot.
_LEASE_BYTES: Final = 1024 * 1024
# To tell what is in use of a channel for every byte that may wait.
_SAMPLE_BYTES: Final = 1024
# Left alone for what cannot be asked for beforehand: queues and lists of iceoryx2's own.
_MARGIN_BYTES: Final = 512 * 1024

# What was measured of iceoryx2 0.10, rounded up: per service, per reader, per reader and item.
_SERVICE_BYTES: Final = 24 * 1024
_READER_BYTES: Final = 64 * 1024
_QUEUED_ITEM_BYTES: Final = 1100
# Of a reader, beyond the borrows that _READER_BYTES has room for (27 November 2026).
_BORROW_BYTES: Final = 1100
_BORROWS_IN_READER: Final = 32


def needed_bytes(channel: ChannelSpec) -> int:
    """Return what a channel takes in shared memory before it has any item."""
    return _SERVICE_BYTES + channel.readers * (
        _READER_BYTES
        + _QUEUED_ITEM_BYTES * channel.capacity
        + _BORROW_BYTES * max(0, channel.borrows - _BORROWS_IN_READER)
    )


class Headroom:
    """What is left of a session's budget, and of the machine's shared memory."""

    def __init__(self, domain: DomainSpec) -> None:
        self._domain = domain
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def check_size(self, size: int, purpose: str) -> None:
        """Make sure that an item could be in the session's budget at all.

        Raises:
            SharedMemoryError: it could not.
        """
        budget = self._domain.budget_bytes
        if size > budget:
            raise SharedMemoryError(
                f"an item of {size} bytes {purpose} is larger than the session's shared memory, "
                f"{budget} bytes (multiprocess.shared_memory_budget_bytes)"
            )

    def require(self, size: int, purpose: str) -> None:
        """Make sure that `size` bytes are left.

        Raises:
            SharedMemoryError: they are not.
        """
        with refusals_explained(purpose):  # looking takes a descriptor
            used = self._used_bytes()
        budget = self._domain.budget_bytes
        if used + size > budget:
            raise SharedMemoryError(
                f"{purpose} needs {size} bytes of shared memory; the session has {used} of its "
                f"{budget} bytes (multiprocess.shared_memory_budget_bytes)"
            )
        self.require_free(size, purpose)

    def require_free(self, size: int, purpose: str) -> None:
        """Make sure that the machine has `size` bytes left, whatever the session's budget says.

        Raises:
            SharedMemoryError: it has not.
        """
        free = free_bytes()
        if size > free:
            raise SharedMemoryError(
                f"{purpose} needs {size} bytes of shared memory; {SEGMENTS} has {free} bytes left"
            )

    def touch(self, address: int, size: int, purpose: str) -> None:
        """Give pages to a mapped range, so that writing there cannot kill this process.

        Raises:
            SharedMemoryError: there are none.
        """
        start = address & -mmap.PAGESIZE
        if self._libc.madvise(start, address + size - start, _POPULATE_WRITE) == 0:
            return
        number = ctypes.get_errno()
        if number == errno.EINVAL:
            return  # an older kernel; the figures must do
        raise SharedMemoryError(
            f"{purpose} needs {size} bytes of shared memory; {SEGMENTS} has {free_bytes()} bytes "
            f"left ({os.strerror(number)})"
        )

    def give_back(self, address: int, size: int) -> int:
        """Take the pages that lie wholly in a range, whose content is lost; return their bytes."""
        start = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (address + size - start) & -mmap.PAGESIZE
        if length <= 0 or self._libc.madvise(start, length, _REMOVE) != 0:
            return 0
        return length

    def _used_bytes(self) -> int:
        total = 0
        for path in self._domain.segments():
            with suppress(FileNotFoundError):  # of a process that ends just now
                total += path.stat().st_blocks * 512
        return total


class Pages:
    """Which slots of one producer have pages; asks for more within the session's budget.

    Attributes:
        largest: what was prepared for.
    """

    def __init__(self, headroom: Headroom, quota_bytes: int, purpose: str) -> None:
        self._headroom = headroom
        self._quota_bytes = quota_bytes
        self._purpose = purpose
        self._writable: dict[int, int] = {}
        self._touched: dict[int, int] = {}
        self._touched_bytes = 0
        self.largest = 0
        self._leased_bytes = 0

    def prepare(self, size: int) -> None:
        """Get ready for a slot that is larger than all before: it may come from a new segment.

        Raises:
            SharedMemoryError: it can never be had, or there is no room for the segment's own lists.
        """
        self._headroom.check_size(size, self._purpose)
        self._headroom.require(_MARGIN_BYTES, f"an item of {size} bytes {self._purpose}")
        self.largest = size
        self._writable.clear()  # an address may mean something else there

    def has(self, address: int, size: int) -> bool:
        """Return whether `size` bytes at `address` can be written to."""
        return self._writable.get(address, 0) >= size

    def are_there(self, address: int, size: int) -> bool:
        """Return whether a slot can be written to and need not give any of its pages back."""
        return (
            self._writable.get(address, 0) >= size and 2 * self._touched_bytes <= self._quota_bytes
        )

    def excess(self, address: int, size: int) -> int:
        """Return the bytes that free slots should give back first: more than this producer's part.

        Without it, each slot would in turn keep the pages of the largest item that it ever held.
        """
        total = self._touched_bytes + max(0, size - self._touched.get(address, 0))
        if total <= self._quota_bytes:
            return 0
        return total - self._quota_bytes + self._quota_bytes // 4  # not again for the next item

    def add(self, address: int, size: int) -> None:
        """Give pages to a slot.

        Raises:
            SharedMemoryError: there are none left.
        """
        new = max(0, size - self._touched.get(address, 0))
        if new > self._leased_bytes:
            self._lease(new)
        self._headroom.touch(address, size, self._purpose)
        self._leased_bytes -= new
        self._touched_bytes += new
        self._touched[address] = max(size, self._touched.get(address, 0))
        self._writable[address] = size

    def shrink(self, address: int, size: int) -> None:
        """Where pages are getting scarce, keep only `size` bytes of a slot that had more.

        Nothing can be taken of a slot that is on its way: a short item in a large slot would hold
        what a long one needs.
        """
        had = self._touched.get(address, 0)
        if 2 * self._touched_bytes > self._quota_bytes and had > size:
            taken = self._headroom.give_back(address + size, had - size)
            self._touched_bytes -= taken
            self._touched[address] = had - taken
            self._writable[address] = min(self._writable.get(address, 0), size)

    def drop(self, address: int) -> int:
        """Take the pages of a slot that nobody uses; return how many bytes that were."""
        self._writable.pop(address, None)
        # A slot of a former segment at the same address was no larger, so this stays inside.
        size = self._touched.pop(address, 0)
        self._touched_bytes -= size
        return self._headroom.give_back(address, size)

    def _lease(self, new: int) -> None:
        purpose = f"an item of {new} bytes {self._purpose}"
        try:
            self._headroom.require(max(new, _LEASE_BYTES) + _MARGIN_BYTES, purpose)
        except SharedMemoryError:
            self._headroom.require(new, purpose)
            self._leased_bytes = new
        else:
            self._leased_bytes = max(new, _LEASE_BYTES)


def share_bytes(domain: DomainSpec, channels: list[ChannelSpec], most: int) -> int:
    """Return the bytes that may wait on each channel, so that all together stay in the budget.

    Others are in the hands of readers meanwhile; see `ChannelSpec.used_bytes`.

    Args:
        domain: the session's.
        channels: all of them.
        most: what the settings allow on each.

    Raises:
        SharedMemoryError: not even empty channels have room.
    """
    overhead = sum(needed_bytes(channel) for channel in channels)
    Headroom(domain).require(overhead + _MARGIN_BYTES, f"a session of {len(channels)} links")
    left = min(domain.budget_bytes, free_bytes()) - overhead - _MARGIN_BYTES
    in_use = sum(channel.used_bytes(_SAMPLE_BYTES) for channel in channels)
    return max(1, min(most, left * _SAMPLE_BYTES // max(in_use, 1)))
