"""The producer's end of a link through a socket."""

import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import trio

from actors import Array

from ...errors import SharedMemoryError
from ..errors import PeerError, PeerFaultError, PeerGoneError
from ..item import Item
from ..shared import PackedItem, pack
from ..socket_spec import SocketLinkSpec
from ..statistics import LinkStatistics
from ..waiting import TrioWaiting, Waiting
from .frames import CREDITS, TOTAL, Buffer, RecordKind, copied_arrays, item_parts, record
from .tls import TlsSocket

_READ_BYTES: Final = 4096
# The kernel takes at most 1024 parts at once.
_MOST_PARTS: Final = 1000


class SocketWriter:
    """Sends each item when its reader has room for it.

    What the kernel does not take at once is sent by `run`, which runs as long as the link.

    Attributes:
        is_idle: whether `run` has nothing to do.

    Args:
        spec: of the link.
        sock: connected, and non-blocking; None if `attach` gives it later.
        waiting: how `send` waits for room.
    """

    def __init__(
        self,
        spec: SocketLinkSpec,
        sock: socket.socket | None = None,
        *,
        waiting: Waiting | None = None,
    ) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        self._socket = sock
        self._waiting = TrioWaiting() if waiting is None else waiting
        self._is_closed = False
        self._error: PeerError | None = None
        self._number = 0  # of the next item
        self._elsewhere = 0  # items that only other readers got, since the last record
        self._sent_items = self._sent_bytes = 0
        self._taken_items = self._taken_bytes = 0
        self._backlog: deque[memoryview] = deque()
        self._received = b""
        self._turn = trio.StrictFIFOLock()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def is_lending(self) -> bool:
        """Return False: a reader has its own copy."""
        return False

    @property
    def is_idle(self) -> bool:
        """Whether `run` has nothing to do."""
        return not self._backlog

    def loan(self, _shape: tuple[int, ...], _dtype: np.dtype[Any]) -> Array | None:
        """Return None: the link has no memory of its own."""
        return None

    def attach(self, sock: socket.socket) -> None:
        """Begin to write to a connected, non-blocking socket. The writer closes it."""
        if self._is_closed:
            sock.close()
            return
        self._socket = sock
        self._changed.unpark_all()

    def try_send(self, item: Item) -> bool:
        """Send `item` if there is room for it; return whether it was sent.

        Raises:
            PeerError: the reader is gone, or broken.
            SharedMemoryError: it is larger than an item may be.
        """
        if self._is_for_others(item):
            return True
        packed = self._packed(item)
        if self._turn.locked() or not self._may_write(packed):
            return False
        self._write_next(item, packed)
        return True

    async def send(self, item: Item) -> None:
        """Send `item`, once there is room for it.

        Raises:
            PeerError: the reader is gone, or broken.
            SharedMemoryError: it is larger than an item may be.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_for_others(item):
            return
        packed = self._packed(item)
        async with self._turn:
            await self._wait_connected()
            await self._wait_flushed()
            while not self._has_room(packed.total_bytes):
                await self._wait_credits()
                await self._wait_flushed()
            self._write_next(item, packed)

    async def end(self) -> None:
        """End the stream, and return when all of it is under way.

        Raises:
            PeerError: the reader is gone, or broken.
        """
        async with self._turn:
            await self._wait_connected()
            self._push([record(RecordKind.END, TOTAL.pack(self._number), self._take_elsewhere())])
            await self._wait_flushed()

    async def run(self) -> None:
        """Send what the kernel has not taken at once, until cancelled, or until the reader is gone.

        An error is raised by the next `try_send`, `send` or `end`.
        """
        try:
            while True:
                await self._pump()
        except PeerError as error:
            self._fail(error)

    def close(self) -> None:
        """Close the socket."""
        self._is_closed = True
        self._backlog.clear()
        if self._socket is not None:
            self._socket.close()

    async def _pump(self) -> None:
        if self._backlog:
            await trio.lowlevel.wait_writable(self._connected())
            self._flush()
        else:
            await self._changed.park()

    def _is_for_others(self, item: Item) -> bool:
        """Return whether only another reader gets an item; count it then, as if it was taken."""
        if not item.to or item.to == self._spec.reader:
            return False
        self._number += 1
        self._elsewhere += 1
        self.statistics.items += 1
        return True

    def _packed(self, item: Item) -> PackedItem:
        packed = pack(item.data)
        if packed.total_bytes > self._spec.most_item_bytes:
            raise SharedMemoryError(
                f"an item of {packed.total_bytes} bytes is larger than the most that a link "
                f"through a socket takes, {self._spec.most_item_bytes} bytes "
                "(multiprocess.shared_memory_budget_bytes)"
            )
        return packed

    def _may_write(self, packed: PackedItem) -> bool:
        if self._error is not None:
            raise self._error
        if self._socket is None or self._backlog:
            return False
        if not self._has_room(packed.total_bytes):
            self._read_credits()
            return self._has_room(packed.total_bytes)
        return True

    def _has_room(self, size: int) -> bool:
        items = self._sent_items - self._taken_items
        return items == 0 or (
            items < self._spec.window
            and self._sent_bytes - self._taken_bytes + size <= self._spec.window_bytes
        )

    async def _wait_credits(self) -> None:
        self._push([record(RecordKind.CREDITS_REQUEST)])
        await self._waiting.readable(self._connected().fileno())
        self._read_credits()

    async def _wait_connected(self) -> None:
        while self._socket is None and self._error is None:
            await self._changed.park()

    async def _wait_flushed(self) -> None:
        while self._backlog and self._error is None:
            await self._changed.park()
        if self._error is not None:
            raise self._error

    def _write_next(self, item: Item, packed: PackedItem) -> None:
        number, elsewhere = self._take_number(packed)
        self._write(item, packed, number, elsewhere)

    def _write(self, item: Item, packed: PackedItem, number: int, elsewhere: int) -> None:
        self._sent_items += 1
        self._sent_bytes += packed.total_bytes
        self._push(item_parts(item, packed, number=number, elsewhere=elsewhere))

    def _take_number(self, packed: PackedItem) -> tuple[int, int]:
        """Count an item; return its number, and how many before it only other readers get."""
        self._count(packed)
        self._number += 1
        return self._number - 1, self._take_elsewhere()

    def _count(self, packed: PackedItem) -> None:
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += packed.payload_bytes
        for size in copied_arrays(packed):
            counters.copies += 1
            counters.copied_bytes += size

    def _take_elsewhere(self) -> int:
        count, self._elsewhere = self._elsewhere, 0
        return count

    def _push(self, parts: Sequence[Buffer]) -> None:
        """Write as much as the kernel takes now; the rest is for `run`."""
        sock = self._connected()
        if isinstance(sock, TlsSocket):
            parts = [b"".join(parts)]  # what is tried once must be tried again as it is
        sent = 0
        if not self._backlog:
            try:
                sent = sock.sendmsg(parts[:_MOST_PARTS])
            except BlockingIOError:
                pass
            except OSError as error:
                raise PeerGoneError(self._spec.reader) from error
        for part in parts:
            if sent >= len(part):
                sent -= len(part)
            else:
                self._backlog.append(memoryview(part)[sent:])
                sent = 0
        if self._backlog:
            self._changed.unpark_all()

    def _flush(self) -> None:
        sock = self._connected()
        while self._backlog:
            try:
                sent = sock.send(self._backlog[0])
            except BlockingIOError:
                return
            except OSError as error:
                raise PeerGoneError(self._spec.reader) from error
            if sent == len(self._backlog[0]):
                self._backlog.popleft()
            else:
                self._backlog[0] = self._backlog[0][sent:]
        self._changed.unpark_all()

    def _read_credits(self) -> None:
        """Take note of what the reader has taken since.

        Raises:
            PeerGoneError: the reader is gone.
            PeerFaultError: it reports what cannot be.
        """
        reader = self._spec.reader
        while True:
            try:
                data = self._connected().recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                raise PeerGoneError(reader) from error
            if not data:
                raise PeerGoneError(reader)
            received = self._received + data
            whole = len(received) // CREDITS.size * CREDITS.size
            for items, taken_bytes in CREDITS.iter_unpack(received[:whole]):
                self._note_credits(items, taken_bytes)
            self._received = received[whole:]
            if len(data) < _READ_BYTES:
                return

    def _note_credits(self, items: int, taken_bytes: int) -> None:
        if (
            not self._taken_items <= items <= self._sent_items
            or not self._taken_bytes <= taken_bytes <= self._sent_bytes
        ):
            raise PeerFaultError(
                self._spec.reader,
                f"reports {items} items of {taken_bytes} bytes taken, of {self._sent_items} of "
                f"{self._sent_bytes}, after {self._taken_items} of {self._taken_bytes}",
            )
        self._taken_items, self._taken_bytes = items, taken_bytes

    def _fail(self, error: PeerError) -> None:
        self._error = error
        self._backlog.clear()
        self._changed.unpark_all()

    def _connected(self) -> socket.socket:
        assert self._socket is not None
        return self._socket
