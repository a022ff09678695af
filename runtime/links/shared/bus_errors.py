"""Keeps a process alive when the machine runs out of shared memory under its hands.

A page of shared memory is made when it is first touched. If /dev/shm is full then, the kernel
sends SIGBUS, which ends the process: with the server all of its sessions. Payloads are asked for
beforehand (`Headroom`), but iceoryx2 also touches pages of its own: lists, queues, the state of a
service. Its need is checked before too, yet another program can take the last bytes in between.

So a handler puts a private page in the place of the missing one, and the code that touched it goes
on. What it writes there is lost to the other processes; the session is told, and ends.
"""

import ctypes
import functools
import mmap
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from .mappings import libc_with_mmap, mapping_at
from .specs import SEGMENTS

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_SA_SIGINFO: Final = 4
# Of siginfo_t on 64-bit Linux.
_CODE_OFFSET: Final = 8
_ADDRESS_OFFSET: Final = 16
_BUS_ADRERR: Final = 2
_MAP_FIXED: Final = 0x10  # Linux, but for alpha, mips and parisc
_MAP_FAILED: Final = ctypes.c_void_p(-1).value


class _SigAction(ctypes.Structure):
    """`struct sigaction` of glibc and musl on 64-bit machines."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class BusErrors:
    """The handler of SIGBUS. It is called in the middle of any code, by the thread that faulted.

    Python code may run there: the fault comes from a memory access of a library, never from the
    interpreter's own memory. ctypes takes the interpreter's lock for it.
    """

    def __init__(self) -> None:
        self._on_fault: dict[bytes, Callable[[], None]] = {}
        self._libc = libc_with_mmap()
        self._before = _SigAction()
        self._callback = _Handler(self._handle)
        action = _SigAction(ctypes.cast(self._callback, ctypes.c_void_p).value)
        action.flags = _SA_SIGINFO
        if self._libc.sigaction(signal.SIGBUS, ctypes.byref(action), ctypes.byref(self._before)):
            raise OSError(ctypes.get_errno(), "sigaction(SIGBUS)")

    @contextmanager
    def watched(self, prefix: str, on_fault: Callable[[], None]) -> Iterator[None]:
        """Handle faults in files of /dev/shm whose names begin with `prefix`.

        Args:
            prefix: of a session's domain.
            on_fault: called in the handler, so at any point of this process's code.
        """
        key = os.fsencode(f"{SEGMENTS}/{prefix}")
        self._on_fault[key] = on_fault
        try:
            yield
        finally:
            del self._on_fault[key]

    def _handle(self, _number: int, info: int, _context: int) -> None:
        try:
            code = ctypes.c_int.from_address(info + _CODE_OFFSET).value
            address = ctypes.c_uint64.from_address(info + _ADDRESS_OFFSET).value
            on_fault = self._watcher_of(address) if code == _BUS_ADRERR else None
            if on_fault is not None and self._replace_page(address):
                on_fault()
                return
        except BaseException:  # noqa: BLE001, S110 (nothing can be raised into the faulting code)
            pass
        # Not ours: what would have happened happens, when this handler returns.
        self._libc.sigaction(signal.SIGBUS, ctypes.byref(self._before), None)
        os.kill(os.getpid(), signal.SIGBUS)

    def _watcher_of(self, address: int) -> Callable[[], None] | None:
        """Return whom a fault at an address concerns; None if no session does."""
        mapping = mapping_at(address)
        if mapping is None:
            return None
        watchers = self._on_fault.items()
        return next((each for key, each in watchers if mapping.path.startswith(key)), None)

    def _replace_page(self, address: int) -> bool:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
        page = address & -mmap.PAGESIZE
        access = mmap.PROT_READ | mmap.PROT_WRITE
        mapped = self._libc.mmap(page, mmap.PAGESIZE, access, flags, -1, 0)
        return mapped is not None and mapped != _MAP_FAILED


@functools.cache
def bus_errors() -> BusErrors:
    """Return this process's handler, installed by the first call.

    It belongs to the process, as the disposition of a signal does, and stays until its end: whoever
    sets another handler later may have kept this one, and go back to it.
    """
    return BusErrors()
