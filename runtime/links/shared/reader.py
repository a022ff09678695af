"""The reader's end of a link through shared memory."""

import socket
from collections import deque
from typing import Any

import numpy as np

from actors import Array

from ..item import Item
from ..statistics import LinkStatistics
from .doorbell import BellEar
from .layout import payload_bytes_of
from .memory import BLOCK_BYTES, Borrowed, MemoryNode, sample_memory
from .packing import read
from .specs import ReaderSpec


class SharedReader:
    """Receives items whose arrays are views of the producer's memory.

    A slot stays borrowed as long as an array of it lives. An actor that keeps many gets private
    copies before the borrows run out, never an error.
    """

    def __init__(self, memory: MemoryNode, spec: ReaderSpec, sock: socket.socket) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        self._subscriber = memory.open_subscriber(spec.channel)
        self._ear = BellEar(sock, spec.source)
        self._taken_items = 0
        self._taken_bytes = 0
        self._said_items = 0
        self._said_bytes = 0
        self._borrowed = 0
        self._borrowed_bytes = 0
        self._returned: deque[int] = deque()
        self._drained = False

    @property
    def ended(self) -> bool:
        """Whether the stream has ended and everything was taken."""
        return self._ear.ended and self._drained

    def take(self) -> Item | None:
        """Return the next item if it is here."""
        sample = self._subscriber.receive()
        if sample is None:
            self._drained = True
            return None
        self._drained = False
        weight = sample.header.number_of_elements * BLOCK_BYTES
        self._taken_items += 1
        self._taken_bytes += weight
        # A quarter of the room at a time: the producer rarely has to wait for it, and most items
        # cost no call.
        if (
            4 * (self._taken_items - self._said_items) >= self._spec.channel.capacity
            or 4 * (self._taken_bytes - self._said_bytes) >= self._spec.capacity_bytes
        ):
            self._say_taken()
        memory = self._memory_of(sample, weight)
        del sample
        data, sequence, timestamp_ms, entered_ns = read(memory)
        size = payload_bytes_of(memory)
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += size
        counters.shared_bytes += size
        return Item(data, sequence, self._spec.source, timestamp_ms, entered_ns)

    def fileno(self) -> int:
        """Return the doorbell's descriptor."""
        return self._ear.fileno()

    def before_wait(self) -> None:
        """Tell the producer what was taken."""
        if self._said_items != self._taken_items:
            self._say_taken()

    def after_wait(self) -> None:
        """Read the bells.

        Raises:
            PeerGoneError: the producer is gone.
        """
        self._ear.listen()
        self._drained = False

    def close(self) -> None:
        """Let go of sockets and memory; arrays that were received stay valid."""
        self._ear.close()
        del self._subscriber

    def _say_taken(self) -> None:
        if self._ear.say_taken(self._taken_items, self._taken_bytes):
            self._said_items = self._taken_items
            self._said_bytes = self._taken_bytes

    def _memory_of(self, sample: Any, weight: int) -> Array:
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
            return np.asarray(Borrowed(sample, self._returned, weight))
        copy = np.array(sample_memory(sample))
        copy.flags.writeable = False
        self.statistics.copies += 1
        self.statistics.copied_bytes += payload_bytes_of(copy)
        return copy
