"""The reader's end of a link through a socket."""

import select
import socket
from typing import Final

import numpy as np

from actors import DataError

from ..errors import PeerFaultError, PeerGoneError
from ..item import Item
from ..shared import HEADER_BYTES, read
from ..socket_spec import SocketLinkSpec
from ..statistics import LinkStatistics
from .frames import CREDITS, RECORD, TOTAL, RecordKind

_BUFFER_BYTES: Final = 64 * 1024
# A body from this size on gets memory of its own, which the kernel fills: one copy. Of smaller ones
# many come with one system call, and are copied out of the buffer.
_LARGE_BYTES: Final = 16 * 1024
# No link drops so many items in a row; a broken producer could write any number.
_MOST_DROPPED: Final = 2**40


class SocketReader:
    """Receives items, whose arrays are views of private memory.

    Attributes:
        spec: of the link.

    Args:
        spec: of the link.
        sock: connected, and non-blocking; None if `attach` gives it later.
    """

    def __init__(self, spec: SocketLinkSpec, sock: socket.socket | None = None) -> None:
        self.statistics = LinkStatistics()
        self.spec = self._spec = spec
        self._socket = sock
        # Whoever waits for the link before it is connected needs a descriptor to wait for.
        self._attached = select.epoll() if sock is None else None
        self._buffer = memoryview(b"")
        self._begin = self._end = 0
        self._large: memoryview | None = None
        self._large_end = 0
        self._taken_items = self._taken_bytes = 0
        self._credited_items = self._credited_bytes = 0
        self._unsent = b""  # the rest of a record of credits
        self._number = 0  # of the next item
        self._elsewhere = 0  # of the record that is being read
        self._credits_requested = False
        self._drained = False
        self._is_closed = False
        self._fault = ""
        self.ended = False

    @property
    def source(self) -> str:
        """The id of the producer; empty for the session's inlet."""
        return self._spec.source

    def attach(self, sock: socket.socket) -> None:
        """Begin to read from a connected, non-blocking socket. The reader closes it."""
        if self._is_closed:
            sock.close()
            return
        assert self._attached is not None
        self._socket = sock
        self._attached.register(sock, select.EPOLLIN)
        self._drained = False

    def take(self) -> Item | None:
        """Return the next item if it is here.

        Raises:
            PeerFaultError: the producer wrote something else.
            PeerGoneError: it closed the socket before the end of its stream.
        """
        if self._fault:
            raise PeerFaultError(self._spec.source, self._fault)
        while not self.ended:
            item = self._next_item()
            if item is not None:
                return item
            if self._drained or not self._fill():
                self._drained = True
                return None
        return None

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something arrives."""
        if self._attached is not None:
            return self._attached.fileno()
        return -1 if self._socket is None else self._socket.fileno()

    def before_wait(self) -> None:
        """Tell the producer what was taken, if it waits for that; what comes then is read."""
        self._drained = False
        if self._credits_requested or self._unsent:
            self._send_credits()

    def after_wait(self) -> None:
        """Note that something has arrived; `take` reads it."""
        self._drained = False

    def close(self) -> None:
        """Close the socket; items that were received stay valid."""
        self._is_closed = True
        for end in (self._attached, self._socket):
            if end is not None:
                end.close()

    def _fill(self) -> bool:
        """Read what is here; return whether there was something."""
        if self._socket is None:
            return False
        large = self._large
        room = self._room() if large is None else large[self._large_end :]
        try:
            count = self._socket.recv_into(room)
        except BlockingIOError:
            return False
        except OSError as error:
            raise PeerGoneError(self._spec.source) from error
        if not count:
            raise PeerGoneError(self._spec.source)
        self._drained = count < len(room)
        if self._large is not None:
            self._large_end += count
        else:
            self._end += count
        return True

    def _room(self) -> memoryview:
        """Return the free part of the buffer, after what was not parsed yet."""
        if not self._buffer:
            self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        if self._begin == self._end:
            self._begin = self._end = 0
        elif self._begin:
            rest = bytes(self._buffer[self._begin : self._end])
            self._buffer[: len(rest)] = rest
            self._begin, self._end = 0, len(rest)
        return self._buffer[self._end :]

    def _next_item(self) -> Item | None:
        """Return the next whole item that was read."""
        if self._large is not None:
            if self._large_end < len(self._large):
                return None
            memory, self._large = self._large, None
            return self._item(memory)
        while self._end - self._begin >= RECORD.size:
            length, kind, elsewhere = RECORD.unpack_from(self._buffer, self._begin)
            self._check(length, kind, elsewhere)
            body = self._begin + RECORD.size
            if self._end - body < length:
                if length > _LARGE_BYTES:
                    self._begin_large(body, length, elsewhere)
                return None
            self._begin = body + length
            self._elsewhere = elsewhere
            memory = memoryview(bytes(self._buffer[body : body + length]))
            if kind == RecordKind.ITEM:
                return self._item(memory)
            if kind == RecordKind.CREDITS_REQUEST:
                self._credits_requested = True
                continue
            self._end_stream(TOTAL.unpack(memory)[0])
            return None
        return None

    def _check(self, length: int, kind: int, elsewhere: int) -> None:
        """Check the header of a record: it comes from outside."""
        if kind == RecordKind.ITEM:
            if not HEADER_BYTES <= length <= self._spec.most_item_bytes:
                raise self._found(
                    f"sent an item of {length} bytes; the most is {self._spec.most_item_bytes}"
                )
        elif kind == RecordKind.END:
            if length != TOTAL.size:
                raise self._found(f"sent an end of stream of {length} bytes")
        elif kind != RecordKind.CREDITS_REQUEST or length or elsewhere:
            raise self._found(f"sent what is no record: kind {kind}, {length} bytes")

    def _begin_large(self, body: int, length: int, elsewhere: int) -> None:
        """Let the kernel fill the item's own memory with the rest of it."""
        memory = np.empty(length, np.uint8).data
        came = self._end - body
        memory[:came] = self._buffer[body : self._end]
        self._large, self._large_end = memory, came
        self._elsewhere = elsewhere
        self._begin = self._end = 0

    def _item(self, memory: memoryview) -> Item:
        memory = memory.toreadonly()
        try:
            data, header = read(memory)
        except DataError as error:
            raise self._found(f"sent a broken item: {error}") from error
        if header.total_bytes != len(memory):
            raise self._found(f"sent an item of {header.total_bytes} bytes in {len(memory)}")
        self._count(header.number)
        self._number += 1
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += header.payload_bytes
        if header.payload_bytes:
            counters.copies += 1
            counters.copied_bytes += header.payload_bytes
        self._take_credit(len(memory))
        return Item(
            data, header.sequence, self._spec.source, header.timestamp_ms, header.entered_ns
        )

    def _count(self, number: int) -> None:
        """Count what came before an item of this number, or before the end, and is not here."""
        dropped = number - self._number - self._elsewhere
        if not 0 <= dropped <= (_MOST_DROPPED if self._spec.drop_oldest else 0):
            raise self._found(
                f"sent item {number} where item {self._number + self._elsewhere} comes"
            )
        counters = self.statistics
        counters.items += self._elsewhere
        counters.dropped += dropped
        self._number = number

    def _end_stream(self, total: int) -> None:
        self._count(total)
        self.ended = self._drained = True

    def _take_credit(self, size: int) -> None:
        self._taken_items += 1
        self._taken_bytes += size
        # A quarter of the room at a time: the producer rarely has to wait for it, and most items
        # cost no call.
        if (
            4 * (self._taken_items - self._credited_items) >= self._spec.window
            or 4 * (self._taken_bytes - self._credited_bytes) >= self._spec.window_bytes
        ):
            self._send_credits()

    def _send_credits(self) -> None:
        if self._socket is None:
            return
        data = self._unsent or CREDITS.pack(self._taken_items, self._taken_bytes)
        items, taken = self._taken_items, self._taken_bytes
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            return  # it does not read them, and so does not need them yet
        except OSError:
            sent = len(data)  # nobody is there to be told; `take` finds out
        was_unsent, self._unsent = bool(self._unsent), data[sent:]
        if not was_unsent:
            self._credited_items, self._credited_bytes = items, taken
        self._credits_requested = was_unsent or bool(self._unsent)

    def _found(self, fault: str) -> PeerFaultError:
        """Return the error of a fault, which every later `take` raises again."""
        self._fault = fault
        return PeerFaultError(self._spec.source, fault)
