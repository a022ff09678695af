"""The producer's end of a link through shared memory."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import trio

from actors import Array, Json

from ...errors import SharedMemoryError
from ..errors import PeerFaultError
from ..item import Item
from ..statistics import LinkStatistics
from ..waiting import Waiting
from .copying import AT_ONCE_BYTES, copied_in_steps
from .doorbell import DoorbellEnd, ProducerDoorbell
from .layout import HEADER_BYTES, Copies, PackedItem, aligned, write
from .lending import Lending
from .loan import ATTRIBUTES_BYTES, Loan, loan_of
from .memory import MOST_LOANS, MemoryNode, Slot, Subscriber
from .packing import pack
from .references import LEAST_BYTES, refer
from .specs import WriterSpec

# Stands for an item that only readers of other links get, so that every link counts it.
_NO_READER: Final = 255
_FOR_NONE: Final = pack(Json(None))


class SharedWriter:
    """Publishes each item once, for all readers, when the slowest of them has room for it.

    What the node received through shared memory is not written again: the item refers to it (see
    `references`). If the readers have too much of that already, they must take what waits for them
    first; if they have taken all, and keep it, the next item is copied, so that nobody waits for
    what a reader keeps.
    """

    def __init__(
        self,
        memory: MemoryNode,
        spec: WriterSpec,
        bells: Sequence[DoorbellEnd],
        waiting: Waiting,
    ) -> None:
        self.statistics = LinkStatistics()
        self._spec = spec
        # Reader -> what stands for it in a header; "" for all. Further ones cannot be addressed.
        positions = enumerate(spec.peers[: _NO_READER - 1], 1)
        self._addresses = {"": 0, **{peer: position for position, peer in positions if peer}}
        self._waiting = waiting
        self._memory = memory
        self._own: Subscriber | None = None
        self._loaned = 0  # and not sent yet
        self._kept = 0  # by the actor, after they were sent
        self._publisher = memory.open_publisher(spec)
        self._bells = [
            ProducerDoorbell(end, peer) for end, peer in zip(bells, spec.peers, strict=True)
        ]
        self._lending = Lending(self._bells, spec.lent_items, spec.lent_bytes)
        self._sent_items = 0
        self._sent_bytes = 0
        self._turn = trio.StrictFIFOLock()
        self._is_waiting = False  # somebody in `send`, for room or for their turn

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

    def try_send(self, item: Item) -> bool:
        """Publish `item` if there is room for it; return whether it was published.

        Raises:
            PeerError: a reader is gone, or broken.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        packed = self._packed(item)
        if self._is_waiting or not self._has_room(packed) or self._takes_long(packed):
            return False
        self._publish(item, packed)
        return True

    async def send(self, item: Item) -> None:
        """Publish `item`, once there is room for it.

        Raises:
            PeerError: a reader is gone, or broken.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        packed = self._packed(item)
        if self._is_waiting or not self._has_room(packed) or self._takes_long(packed):
            async with self._turn:
                self._is_waiting = True
                try:
                    packed = await self._wait_for_room(packed, self._waiting)
                    if self._takes_long(packed):
                        await self._publish_in_steps(item, packed)
                    else:
                        self._publish(item, packed)
                finally:
                    self._is_waiting = bool(self._turn.statistics().tasks_waiting)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._publish(item, packed)

    async def end(self) -> None:
        """End the stream, after everything was published.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        async with self._turn:  # an item may be under way
            for bell in self._bells:
                await bell.ring_end(self._sent_items, self._waiting)

    @property
    def is_lending(self) -> bool:
        """Whether readers may view what this process holds for them."""
        return bool(self._lending)

    def close(self) -> None:
        """Let go of doorbells and memory."""
        for bell in self._bells:
            bell.close()
        self._bells.clear()
        self._own = None
        del self._publisher

    def _packed(self, item: Item) -> PackedItem:
        """Return an item taken apart; without its data if no reader of this link gets it.

        Raises:
            SharedMemoryError: it is for a reader that a header cannot name.
        """
        if item.to in self._addresses:
            packed = pack(item.data)
            return packed if packed.payload_bytes < LEAST_BYTES else refer(packed)
        if item.to in self._spec.peers:
            raise SharedMemoryError(
                f"an item cannot be routed to {item.to!r}: only the first {_NO_READER - 1} readers "
                "of a node can be named"
            )
        return _FOR_NONE

    def _takes_long(self, packed: PackedItem) -> bool:
        """Whether others of this event loop should run while the item is copied."""
        return self._waiting.shares_loop and packed.total_bytes > AT_ONCE_BYTES

    def _publish(self, item: Item, packed: PackedItem) -> None:
        self._send_slot(packed, *self._write(item, packed, None))

    async def _publish_in_steps(self, item: Item, packed: PackedItem) -> None:
        """Publish an item, and let others run while it is copied; nobody else may publish then."""
        copies: Copies = []
        slot, loan = self._write(item, packed, copies)
        for _ in copied_in_steps(copies):
            await trio.lowlevel.checkpoint()
        self._send_slot(packed, slot, loan)

    def _write(
        self, item: Item, packed: PackedItem, deferred: Copies | None
    ) -> tuple[Slot, Loan | None]:
        """Write an item into a slot; the loan that it is in, if it needs no copy."""
        loan = self._loan_in(packed) if self._loaned else None
        slot = self._publisher.loan(packed.total_bytes) if loan is None else loan.slot
        write(
            slot.memory,
            packed,
            item,
            number=self._sent_items,
            has_payload=loan is not None,
            reader=self._addresses.get(item.to, _NO_READER),
            deferred=deferred,
        )
        return slot, loan

    def _send_slot(self, packed: PackedItem, slot: Slot, loan: Loan | None) -> None:
        bells = self._bells
        count = slot.send()
        for bell in bells:
            bell.ring()
        if count < len(bells):
            # None is gone, so its buffer was full.
            raise PeerFaultError(self._spec.peers[0], "reports items taken that it has not taken")
        # Now that the readers are on their way.
        if packed.lent:
            self._lending.add(self._sent_items, packed.lent)
        if self._own is not None:
            sample = self._own.receive()
            if loan is not None:
                loan.keep(sample)
                self._loaned -= 1
                self._kept += 1
        self._sent_items += 1
        self._sent_bytes += aligned(slot.size) + packed.referenced_bytes
        counters = self.statistics
        counters.items += 1
        counters.shared_bytes += packed.payload_bytes
        if packed.copied is None:
            counters.payload_bytes += packed.payload_bytes
        else:
            counters.payload_bytes += packed.copied.payload_bytes
            counters.references += len(packed.lent)
            counters.referenced_bytes += sum(each.array.nbytes for each in packed.lent)
        if loan is None:
            for array in packed.arrays:
                counters.copies += 1
                counters.copied_bytes += array.nbytes
        if self._lending:
            for bell in bells:
                self._read_credits(bell)

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

    async def _wait_for_room(self, packed: PackedItem, waiting: Waiting) -> PackedItem:
        """Return what there is room for: the item, or a copy of it."""
        await trio.lowlevel.checkpoint_if_cancelled()
        for bell in self._bells:
            while not self._has_room_at(bell, packed):
                await self._wait_credits(bell, waiting)
        if self._can_lend(packed):
            return packed
        self.statistics.lending_waits += 1
        for bell in self._bells:
            while not self._can_lend(packed):
                await self._wait_credits(bell, waiting)
                if not self._lending.has_untaken(bell):
                    break
        return packed if self._can_lend(packed) else packed.copied or packed

    def _has_room(self, packed: PackedItem) -> bool:
        for bell in self._bells:
            if not self._has_room_at(bell, packed):
                self._read_credits(bell)
                if not self._has_room_at(bell, packed):
                    return False
        return self._can_lend(packed)

    def _can_lend(self, packed: PackedItem) -> bool:
        return packed.copied is None or self._lending.has_room(packed.lent)

    def _has_room_at(self, bell: ProducerDoorbell, packed: PackedItem) -> bool:
        items = self._sent_items - bell.taken_items
        if items == 0:
            return True
        waiting_bytes = self._sent_bytes - bell.taken_bytes
        return (
            items < self._spec.channel.capacity
            and waiting_bytes + packed.total_bytes + packed.referenced_bytes
            <= self._spec.capacity_bytes
        )

    async def _wait_credits(self, bell: ProducerDoorbell, waiting: Waiting) -> None:
        await bell.wait_credits(waiting)
        self._note_credits(bell)

    def _read_credits(self, bell: ProducerDoorbell) -> None:
        bell.read_credits()
        self._note_credits(bell)

    def _note_credits(self, bell: ProducerDoorbell) -> None:
        """Check what a reader has reported, and let go of what it has returned."""
        if bell.taken_items > self._sent_items or bell.taken_bytes > self._sent_bytes:
            raise PeerFaultError(
                bell.peer,
                f"reports {bell.taken_items} items of {bell.taken_bytes} bytes taken, "
                f"of {self._sent_items} of {self._sent_bytes}",
            )
        if bell.returned:
            self._lending.collect(self._sent_items)
