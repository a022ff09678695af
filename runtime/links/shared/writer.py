"""The producer's end of a link through shared memory."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import trio

from actors import Array

from ...errors import SharedMemoryError
from ..errors import PeerGoneError
from ..item import Item
from ..statistics import LinkStatistics
from ..waiting import TrioWaiting, Waiting
from .doorbell import DoorbellEnd, ProducerDoorbell
from .layout import HEADER_BYTES, PackedItem, aligned, write
from .loan import ATTRIBUTES_BYTES, Loan, loan_of
from .memory import MOST_LOANS, MemoryNode, Subscriber
from .packing import pack
from .specs import WriterSpec


class SharedWriter:
    """Publishes each item once, for all readers, when the slowest of them has room for it."""

    def __init__(
        self,
        memory: MemoryNode,
        spec: WriterSpec,
        bells: Sequence[DoorbellEnd],
        waiting: Waiting,
    ) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        self._waiting = waiting
        self._memory = memory
        self._own: Subscriber | None = None
        self._loaned = 0  # and not sent yet
        self._kept = 0  # by the actor, after they were sent
        self._publisher = memory.open_publisher(spec)
        self._bells = [
            ProducerDoorbell(end, peer) for end, peer in zip(bells, spec.peers, strict=True)
        ]
        self._sent_items = 0
        self._sent_bytes = 0
        self._turn = trio.StrictFIFOLock()
        self._is_waiting = False  # somebody in `send`, for room or for their turn
        self._outbox: deque[tuple[Item, PackedItem]] = deque()
        self._outbox_bytes = 0
        self._ended = False
        self._outbox_changed = trio.lowlevel.ParkingLot()

    def loan(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return an array in shared memory, to be filled and sent; None if too many are out."""
        size = HEADER_BYTES + math.prod(shape) * dtype.itemsize + ATTRIBUTES_BYTES
        if dtype.hasobject or dtype.fields is not None or self._loaned >= MOST_LOANS:
            return None
        if self._own is None:
            self._own = self._memory.open_subscriber(self._spec.channel)
        try:
            loan = Loan(self._publisher.loan(size), shape, dtype, self._on_loan_end)
        except SharedMemoryError:
            return None  # it is sent from private memory, or refused then
        self._loaned += 1
        return loan.array()

    @property
    def drops(self) -> bool:
        """Whether `pump` has to run beside the producer."""
        return self._spec.drop_oldest

    @property
    def has_backlog(self) -> bool:
        """Whether `pump` has something to do."""
        return bool(self._outbox)

    def try_send(self, item: Item) -> bool:
        """Publish `item` if there is room for it; return whether it was published.

        Raises:
            PeerGoneError: a reader is gone.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        packed = pack(item.data)
        if self._outbox or self._is_waiting or not self._has_room(packed):
            return False
        self._publish(item, packed)
        return True

    async def send(self, item: Item) -> None:
        """Publish `item`, once there is room for it.

        Raises:
            PeerGoneError: a reader is gone.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        packed = pack(item.data)
        if self._spec.drop_oldest:
            if self._outbox:
                await trio.lowlevel.checkpoint()  # the pump must have its turn
            else:
                await trio.lowlevel.checkpoint_if_cancelled()
            self._put_in_outbox(item, packed)
            return
        if self._is_waiting or not self._has_room(packed):
            async with self._turn:
                self._is_waiting = True
                try:
                    await self._wait_for_room(packed, self._waiting)
                    self._publish(item, packed)
                finally:
                    self._is_waiting = bool(self._turn.statistics().tasks_waiting)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._publish(item, packed)

    async def pump(self) -> None:
        """Publish what waits in the outbox of a link that drops, until the stream is ended."""
        while True:
            while not self._outbox:
                if self._ended:
                    return
                await self._outbox_changed.park()
            await self._wait_for_room(self._outbox[0][1], TrioWaiting())
            # Another item may be the oldest by now.
            item, packed = self._outbox.popleft()
            self._outbox_bytes -= packed.total_bytes
            self._publish(item, packed)
            self._outbox_changed.unpark_all()

    async def end(self) -> None:
        """End the stream, after everything was published.

        Raises:
            PeerGoneError: a reader is gone.
        """
        while self._outbox:
            await self._outbox_changed.park()
        self._ended = True
        self._outbox_changed.unpark_all()
        for bell in self._bells:
            await bell.ring_end(self._waiting)

    def close(self) -> None:
        """Let go of doorbells and memory."""
        for bell in self._bells:
            bell.close()
        self._bells.clear()
        self._outbox.clear()
        self._own = None
        del self._publisher

    def _put_in_outbox(self, item: Item, packed: PackedItem) -> None:
        if not self._outbox and self._has_room(packed):
            self._publish(item, packed)
            return
        self._outbox.append((item, packed))
        self._outbox_bytes += packed.total_bytes
        while len(self._outbox) > 1 and (
            len(self._outbox) > self._spec.capacity
            or self._outbox_bytes > self._spec.capacity_bytes
        ):
            _, dropped = self._outbox.popleft()
            self._outbox_bytes -= dropped.total_bytes
            self.statistics.dropped += 1
        self._outbox_changed.unpark_all()

    def _publish(self, item: Item, packed: PackedItem) -> None:
        loan = self._loan_in(packed) if self._loaned else None
        slot = self._publisher.loan(packed.total_bytes) if loan is None else loan.slot
        write(slot.memory, packed, item, has_payload=loan is not None)
        bells = self._bells
        if slot.send() < len(bells):
            raise PeerGoneError(self._spec.peers[0])
        for bell in bells:
            bell.ring()
        # Now that the readers are on their way.
        if self._own is not None:
            sample = self._own.receive()
            if loan is not None:
                loan.keep(sample)
                self._loaned -= 1
                self._kept += 1
        self._sent_items += 1
        self._sent_bytes += aligned(slot.size)
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += packed.payload_bytes
        counters.shared_bytes += packed.payload_bytes
        if loan is None:
            for array in packed.arrays:
                counters.copies += 1
                counters.copied_bytes += array.nbytes

    def _loan_in(self, packed: PackedItem) -> Loan | None:
        """Return the loan that the payload is, if it can be sent as it is."""
        if not isinstance(packed.payload, np.ndarray):
            return None
        loan = loan_of(packed.payload)
        if (
            loan is None
            or loan.on_end != self._on_loan_end  # another producer's
            or loan.slot.size < packed.total_bytes
            or self._kept >= self._spec.channel.borrows - 1
        ):
            return None
        return loan

    def _on_loan_end(self, loan: Loan) -> None:
        if loan.sent:
            self._kept -= 1
        else:
            self._loaned -= 1

    async def _wait_for_room(self, packed: PackedItem, waiting: Waiting) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        for bell in self._bells:
            while not self._has_room_at(bell, packed):
                await bell.wait_credits(waiting)

    def _has_room(self, packed: PackedItem) -> bool:
        for bell in self._bells:
            if not self._has_room_at(bell, packed):
                bell.read_credits()
                if not self._has_room_at(bell, packed):
                    return False
        return True

    def _has_room_at(self, bell: ProducerDoorbell, packed: PackedItem) -> bool:
        items = self._sent_items - bell.taken_items
        if items == 0:
            return True
        if items < 0:
            raise PeerGoneError(bell.peer)  # what it says is not what it got
        waiting_bytes = self._sent_bytes - bell.taken_bytes
        return (
            items < self._spec.channel.capacity
            and waiting_bytes + packed.total_bytes <= self._spec.capacity_bytes
        )
