"""The producer's end of a link through shared memory that drops items rather than wait."""

from collections.abc import Sequence

import trio

from ..item import Item
from ..waiting import Waiting
from .doorbell import DoorbellEnd
from .layout import PackedItem, aligned, write_filler
from .memory import BLOCK_BYTES, MemoryNode
from .overflow import Overflow
from .specs import WriterSpec
from .writer import SharedWriter

# What the readers have taken is read this often, so that their pipes do not fill.
_READ_CREDITS_ITEMS = 64


class DroppingWriter(SharedWriter):
    """Publishes each item at once: a full reader loses its own oldest item, and no other reader.

    Every reader has a buffer of its own in shared memory, in which iceoryx2 replaces the oldest
    item when it is full. So a slow reader costs the producer and the other readers nothing, and
    each item is still written once. The readers count what they miss by the items' numbers.

    The buffers are bounded in items only. Where the items that wait are too many bytes, fillers
    push the oldest out first (see `Overflow`).
    """

    def __init__(
        self,
        memory: MemoryNode,
        spec: WriterSpec,
        bells: Sequence[DoorbellEnd],
        waiting: Waiting,
    ) -> None:
        super().__init__(memory, spec, bells, waiting)
        self._overflow = Overflow(spec.channel.capacity, spec.capacity_bytes)

    def try_send(self, item: Item) -> bool:
        """Publish `item`; return True.

        Raises:
            PeerError: a reader is gone, or broken.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        self._drop_and_publish(item, self._packed(item))
        return True

    async def send(self, item: Item) -> None:
        """Publish `item`.

        Raises:
            PeerError: a reader is gone, or broken.
            SharedMemoryError: it does not fit into the session's shared memory.
        """
        # Since this never waits for room, the other tasks must have a turn in another way.
        if self._sent_items % self._spec.channel.capacity:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        self._drop_and_publish(item, self._packed(item))

    def _drop_and_publish(self, item: Item, packed: PackedItem) -> None:
        if not self._can_lend(packed):
            packed = packed.copied or packed
        size = aligned(packed.total_bytes) + packed.referenced_bytes
        if self._overflow.is_short_of(size):
            self._read_all_credits()
            self._overflow.forget(min(bell.taken_items for bell in self._bells))
            for _ in range(self._overflow.fillers_before(size, self._sent_items)):
                self._publish_filler()
        elif self._sent_items % _READ_CREDITS_ITEMS == 0:
            self._read_all_credits()
        self._publish(item, packed)
        self._overflow.add(self._sent_items - 1, size)

    def _publish_filler(self) -> None:
        slot = self._publisher.loan(BLOCK_BYTES)
        write_filler(slot.memory)
        slot.send()
        if self._own is not None:
            self._own.receive()

    def _read_all_credits(self) -> None:
        for bell in self._bells:
            self._read_credits(bell)
