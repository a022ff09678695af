"""Memory in which a node process shows the server what its actor does, and what it emits."""

import ctypes
import mmap
import os
from typing import Final

from ...links.shared import libc_with_mmap
from ..call_clock import CallTimes
from .tap_memory import TAP_MEMORY_BYTES

_PROTECTION: Final = mmap.PROT_READ | mmap.PROT_WRITE
_FAILED: Final = ctypes.c_void_p(-1).value
_BYTES: Final = mmap.PAGESIZE + TAP_MEMORY_BYTES


class Activity:
    """The shared memory: a page of times, then that of a tap. Close it.

    `mmap.mmap` would keep a descriptor for each node; the C function does not.

    Attributes:
        times: see `CallTimes`.
        tap_memory: see `tap_memory`. Empty after `close`, and a view of it must not be used
            any more.
    """

    def __init__(self, descriptor: int) -> None:
        """Map the memory of a descriptor, which may be closed afterwards."""
        self._libc = libc_with_mmap()
        self._libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        address = self._libc.mmap(None, _BYTES, _PROTECTION, mmap.MAP_SHARED, descriptor, 0)
        if address == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._address: int | None = address
        page = (ctypes.c_double * 2).from_address(address)
        # A cast, since the items of another format cannot be assigned.
        self.times: CallTimes = memoryview(page).cast("B").cast("d")
        taps = (ctypes.c_char * TAP_MEMORY_BYTES).from_address(address + mmap.PAGESIZE)
        self.tap_memory = memoryview(taps).cast("B")

    def close(self) -> None:
        """Unmap the memory; do nothing if it is closed."""
        if self._address is not None:
            self.times = [0.0, 0.0]
            self.tap_memory = memoryview(b"")
            self._libc.munmap(self._address, _BYTES)
            self._address = None


class SharedActivity(Activity):
    """New memory, with the descriptor that is passed to the node process. Close it.

    Attributes:
        descriptor: of the memory; -1 once it is passed and closed.

    Raises:
        OSError: no memory or descriptor is left.
    """

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("millrace-activity", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.descriptor, _BYTES)
            super().__init__(self.descriptor)
        except BaseException:
            self.close_descriptor()
            raise

    def close_descriptor(self) -> None:
        """Close the descriptor; the memory stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def close(self) -> None:
        """Close the descriptor and unmap the memory."""
        self.close_descriptor()
        super().close()
