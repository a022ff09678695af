"""How much of other processes' memory a reader holds, and how much it may."""

from collections import deque

SlotKey = tuple[int, int]
"""Tells a slot from every other: the inode of its file, and its position there."""


class UsedSlots:
    """Slots in use; one that is used several times counts once.

    Attributes:
        total_bytes: of all.
    """

    def __init__(self) -> None:
        self.total_bytes = 0
        self._slots: dict[SlotKey, tuple[int, int]] = {}

    def new_bytes(self, slot: SlotKey, size: int) -> int:
        """Return what using a slot of `size` bytes once more would add."""
        return 0 if slot in self._slots else size

    def add(self, slot: SlotKey, size: int) -> None:
        """Use a slot once more."""
        times, first_size = self._slots.get(slot, (0, size))
        self._slots[slot] = times + 1, first_size
        if not times:
            self.total_bytes += first_size

    def remove(self, slot: SlotKey) -> None:
        """Use a slot once less."""
        times, size = self._slots.pop(slot)
        if times > 1:
            self._slots[slot] = times - 1, size
        else:
            self.total_bytes -= size


class Borrows:
    """What a reader views of what came over its link.

    Its slots are the producer's own, and stay borrowed as long as they are viewed. Where an item
    refers to an earlier producer's slots, the link's producer holds them until the item is
    returned.

    Attributes:
        returned_slots: gets the bytes of a slot when nothing views it any more, in any thread.
        returned_items: gets the number of an item with references, and what it referred to, when
            nothing views any of that any more, in any thread.

    Args:
        most_items: that may be viewed.
        most_bytes: that they may keep in use.
    """

    def __init__(self, most_items: int, most_bytes: int) -> None:
        self.returned_slots: deque[int] = deque()
        self.returned_items: deque[tuple[int, list[SlotKey]]] = deque()
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._items = 0
        self._bytes = 0
        self._referenced = UsedSlots()

    def has_room(self, size: int) -> bool:
        """Return whether one more slot of `size` bytes may be viewed."""
        while self.returned_slots:
            self._bytes -= self.returned_slots.popleft()
            self._items -= 1
        # The last one is for the item that is copied.
        return (
            self._items < self._most_items - 1
            and self._bytes + self._referenced.total_bytes + size <= self._most_bytes
        )

    def add(self, size: int) -> None:
        """Count a slot of the producer's as viewed."""
        self._items += 1
        self._bytes += size

    def has_room_for(self, slot: SlotKey, size: int) -> bool:
        """Return whether an earlier producer's slot may be viewed."""
        return self.has_room(self._referenced.new_bytes(slot, size))

    def add_slot(self, slot: SlotKey, size: int, *, is_first: bool) -> None:
        """Count an earlier producer's slot as viewed.

        Args:
            slot: what tells it from others.
            size: in bytes.
            is_first: whether it is the first one of its item.
        """
        self._items += is_first
        self._referenced.add(slot, size)

    def settle(self) -> list[int]:
        """Return the numbers of items with references that are not viewed any more."""
        numbers = []
        while self.returned_items:
            number, slots = self.returned_items.popleft()
            self._items -= bool(slots)
            for slot in slots:
                self._referenced.remove(slot)
            numbers.append(number)
        return numbers
