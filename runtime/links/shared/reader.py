"""The reader's end of a link through shared memory."""

import math
from collections import deque
from typing import Any, Final

from actors import Data, DataError

from ..errors import PeerFaultError, PeerGoneError
from ..item import Item
from ..statistics import LinkStatistics
from .borrows import Borrows
from .doorbell import DoorbellEnd, ReaderDoorbell
from .layout import Header, is_filler, read_header
from .memory import BLOCK_BYTES, MemoryNode, borrowed_view
from .packing import read
from .references import References, Ticket
from .segments import Segment, segment_at
from .specs import ReaderSpec

# No link drops so many items in a row; a broken producer could write any number.
_MOST_DROPPED: Final = 2**40
# The producer is told of drops so many at a time; it needs that for what it lent by reference.
_DROPS_AT_ONCE: Final = 16


class SharedReader:
    """Receives items whose arrays are views of the producer's memory.

    A slot stays borrowed as long as an array of it lives. An actor that keeps many gets private
    copies before the borrows run out, never an error. So it is with what items refer to (see
    `references`), but that the producer is told when nothing views it any more.
    """

    def __init__(self, memory: MemoryNode, spec: ReaderSpec, ear: DoorbellEnd) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        self._receive = memory.open_subscriber(spec.channel).receive
        self._ear = ReaderDoorbell(ear, spec.source)
        self._taken_items = 0  # or dropped: the number of the next one
        self._taken_bytes = 0
        self._credited_items = 0
        self._credited_bytes = 0
        self._borrows = Borrows(spec.channel.borrows, spec.borrowed_bytes)
        self._references = References(memory.segments, self._borrows)
        self._resolve = self._references.resolve
        self._untold: list[tuple[int, int]] = []  # what is returned, or was dropped
        self._drained = False
        self._segment: Segment | None = None
        self._mapped_begin = self._mapped_end = 0
        self._drops = spec.channel.drop_oldest
        # The producer of a link that drops waits for no credits; it only needs them for bytes.
        self._credit_items = math.inf if self._drops else spec.channel.capacity / 4
        self._fault = ""

    @property
    def source(self) -> str:
        """The id of the producer; empty for the session's inlet."""
        return self._spec.source

    @property
    def ended(self) -> bool:
        """Whether the stream has ended and everything was taken."""
        return self._ear.ended and self._drained

    def take(self) -> Item | None:
        """Return the next item if it is here.

        Raises:
            PeerFaultError: the producer wrote something else.
            PeerGoneError: it ended its stream, and items are missing.
        """
        if self._fault:
            raise PeerFaultError(self._spec.source, self._fault)
        if self._untold or self._borrows.returned_items:
            self._return_items()
        while (sample := self._receive()) is not None:
            self._drained = False
            weight = sample.header.number_of_elements * BLOCK_BYTES
            address = sample.payload_ptr
            if address < self._mapped_begin or address + weight > self._mapped_end or not weight:
                self._check_mapped(address, weight)
            memory = self._memory_of(sample, address, weight)
            del sample
            try:
                data, header = read(memory, self._resolve)
            except DataError as error:
                if self._drops and is_filler(memory):
                    continue
                raise self._found(f"wrote a broken item: {error}") from error
            ticket, self._references.ticket = self._references.ticket, None
            if ticket is not None:
                ticket.number = header.number
                weight += ticket.referenced_bytes
                self._count_references(ticket)
            item = self._counted(data, header, weight)
            if header.reader and header.reader != self._spec.position:
                continue  # for another reader
            return item
        self._drained = True
        if self._ear.ended and self._ear.promised != self._taken_items:
            # Items are lost with a process that ends before they are read, as one that fails does.
            raise PeerGoneError(
                self._spec.source,
                f"ended its stream after {self._ear.promised} items, of which {self._taken_items} "
                "have arrived",
            )
        return None

    def _counted(self, data: Data, header: Header, weight: int) -> Item:
        missed = header.number - self._taken_items
        if missed and not (self._drops and 0 < missed < _MOST_DROPPED):
            raise self._found(f"numbered item {self._taken_items} of its link {header.number}")
        if missed:
            self._untold.append((self._taken_items, header.number))
        self._taken_items += 1 + missed
        self._taken_bytes += weight
        # A quarter of the room at a time: the producer rarely has to wait for it, and most items
        # cost no call.
        if (
            self._taken_items - self._credited_items >= self._credit_items
            or 4 * (self._taken_bytes - self._credited_bytes) >= self._spec.capacity_bytes
        ):
            self._send_credits()
        counters = self.statistics
        counters.items += 1
        counters.dropped += missed
        counters.payload_bytes += header.payload_bytes
        counters.shared_bytes += header.payload_bytes
        return Item(
            data, header.sequence, self._spec.source, header.timestamp_ms, header.entered_ns
        )

    def _count_references(self, ticket: Ticket) -> None:
        counters = self.statistics
        more = ticket.array_bytes - ticket.record_bytes
        counters.payload_bytes += more
        counters.shared_bytes += more
        counters.references += ticket.references
        counters.referenced_bytes += ticket.array_bytes
        counters.copies += ticket.copies
        counters.copied_bytes += ticket.copied_bytes

    def _return_items(self) -> None:
        """Tell the producer which items are returned; what it cannot be told now, later."""
        untold = self._untold
        had = len(untold)
        untold += [(number, number + 1) for number in self._borrows.settle()]
        if len(untold) > had or had >= _DROPS_AT_ONCE:
            del untold[: self._ear.send_returned(untold)]

    def _check_mapped(self, address: int, weight: int) -> None:
        """Find the producer's segment that a slot is in: it begins to use a new one, or is broken.

        The slot's length comes from the producer. To read behind the end of the segment would kill
        this process, which is not at fault.
        """
        segment = self._segment = segment_at(address)
        self._mapped_begin, self._mapped_end = (
            (0, 0) if segment is None else (segment.begin, segment.end)
        )
        if not 0 < weight <= self._mapped_end - address:
            raise self._found(f"published {weight} bytes that are not in its shared memory")

    def _found(self, fault: str) -> PeerFaultError:
        """Return the error of a fault, which every later `take` raises again."""
        self._fault = fault
        return PeerFaultError(self._spec.source, fault)

    def fileno(self) -> int:
        """Return the doorbell's descriptor."""
        return self._ear.fileno()

    def before_wait(self) -> None:
        """Tell the producer what was taken, if it waits for that, and what is returned."""
        if self._untold or self._borrows.returned_items:
            self._return_items()
        if self._ear.credits_requested:
            self._send_credits()

    def after_wait(self) -> None:
        """Read the bells.

        Raises:
            PeerGoneError: the producer is gone.
            PeerFaultError: it is broken.
        """
        try:
            self._ear.listen()
        except PeerFaultError as error:
            self._fault = error.reason
            raise
        self._drained = False

    def close(self) -> None:
        """Let go of the doorbell and of memory; arrays that were received stay valid."""
        self._ear.close()
        del self._receive

    def _send_credits(self) -> None:
        if self._ear.send_credits(self._taken_items, self._taken_bytes):
            self._credited_items = self._taken_items
            self._credited_bytes = self._taken_bytes

    def _memory_of(self, sample: Any, address: int, weight: int) -> memoryview:
        borrows = self._borrows
        if borrows.has_room(weight):
            borrows.add(weight)
            return borrowed_view(sample, address, weight, borrows.returned_slots, self._segment)
        copy = memoryview(bytes(borrowed_view(sample, address, weight, deque())))
        header = read_header(copy)
        if not header.is_reference:
            self.statistics.copies += 1
            self.statistics.copied_bytes += header.payload_bytes
        return copy
