"""The reader's end of a link through shared memory."""

from collections import deque
from typing import Any

from ..item import Item
from ..statistics import LinkStatistics
from .doorbell import DoorbellEnd, ReaderDoorbell
from .layout import read_header
from .memory import BLOCK_BYTES, MemoryNode, borrowed_view
from .packing import read
from .specs import ReaderSpec


class SharedReader:
    """Receives items whose arrays are views of the producer's memory.

    A slot stays borrowed as long as an array of it lives. An actor that keeps many gets private
    copies before the borrows run out, never an error.
    """

    def __init__(self, memory: MemoryNode, spec: ReaderSpec, ear: DoorbellEnd) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        self._receive = memory.open_subscriber(spec.channel).receive
        self._ear = ReaderDoorbell(ear, spec.source)
        self._taken_items = 0
        self._taken_bytes = 0
        self._credited_items = 0
        self._credited_bytes = 0
        self._borrowed = 0
        self._borrowed_bytes = 0
        self._returned: deque[int] = deque()
        self._drained = False

    @property
    def source(self) -> str:
        """The producer of the link."""
        return self._spec.source

    @property
    def ended(self) -> bool:
        """Whether the stream has ended and everything was taken."""
        return self._ear.ended and self._drained

    def take(self) -> Item | None:
        """Return the next item if it is here."""
        sample = self._receive()
        if sample is None:
            self._drained = True
            return None
        self._drained = False
        weight = sample.header.number_of_elements * BLOCK_BYTES
        data, header = read(self._memory_of(sample, weight))
        del sample
        self._taken_items += 1
        self._taken_bytes += weight
        # A quarter of the room at a time: the producer rarely has to wait for it, and most items
        # cost no call.
        if (
            4 * (self._taken_items - self._credited_items) >= self._spec.channel.capacity
            or 4 * (self._taken_bytes - self._credited_bytes) >= self._spec.capacity_bytes
        ):
            self._send_credits()
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += header.payload_bytes
        counters.shared_bytes += header.payload_bytes
        return Item(
            data, header.sequence, self._spec.source, header.timestamp_ms, header.entered_ns
        )

    def fileno(self) -> int:
        """Return the doorbell's descriptor."""
        return self._ear.fileno()

    def before_wait(self) -> None:
        """Tell the producer what was taken, if it waits for that."""
        if self._ear.credits_requested:
            self._send_credits()

    def after_wait(self) -> None:
        """Read the bells.

        Raises:
            PeerGoneError: the producer is gone.
        """
        self._ear.listen()
        self._drained = False

    def close(self) -> None:
        """Let go of the doorbell and of memory; arrays that were received stay valid."""
        self._ear.close()
        del self._receive

    def _send_credits(self) -> None:
        if self._ear.send_credits(self._taken_items, self._taken_bytes):
            self._credited_items = self._taken_items
            self._credited_bytes = self._taken_bytes

    def _memory_of(self, sample: Any, weight: int) -> memoryview:
        while self._returned:
            self._borrowed_bytes -= self._returned.popleft()
            self._borrowed -= 1
        if (
            # The last one is for the item that is copied.
            self._borrowed < self._spec.channel.borrows - 1
            and self._borrowed_bytes + weight <= self._spec.capacity_bytes
        ):
            self._borrowed += 1
            self._borrowed_bytes += weight
            return borrowed_view(sample, weight, self._returned)
        copy = memoryview(bytes(borrowed_view(sample, weight, deque())))
        self.statistics.copies += 1
        self.statistics.copied_bytes += read_header(copy).payload_bytes
        return copy
