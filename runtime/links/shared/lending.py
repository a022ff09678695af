"""What a node has handed on by reference, and holds for its readers until they return it."""

from collections.abc import Sequence

from ..errors import PeerFaultError
from .borrows import UsedSlots
from .doorbell import ProducerDoorbell
from .layout import Lent


class _LentItem:
    """The arrays of one item, and at how many readers it is."""

    __slots__ = ("arrays", "readers")

    def __init__(self, arrays: Sequence[Lent], readers: int) -> None:
        self.arrays = arrays
        self.readers = readers


class Lending:
    """The items that a node's readers have by reference.

    The node itself has borrowed them, from an earlier producer or by reference in turn. It holds
    them until every reader of its own has returned them. If it dies, nobody gives them back before
    the session ends, so that what its readers view stays as it is.

    Args:
        bells: of the readers.
        most_items: that may be lent.
        most_bytes: that they may keep in use; one item always may be lent.
    """

    def __init__(self, bells: Sequence[ProducerDoorbell], most_items: int, most_bytes: int) -> None:
        self._at_readers: list[tuple[ProducerDoorbell, dict[int, _LentItem]]] = [
            (bell, {}) for bell in bells
        ]
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._items = 0
        self._slots = UsedSlots()

    def __len__(self) -> int:
        """Return how many items are lent."""
        return self._items

    def has_room(self, arrays: Sequence[Lent]) -> bool:
        """Return whether one more item may be lent, which these arrays are."""
        if not self._items:
            return True
        if self._items >= self._most_items:
            return False
        total = self._slots.total_bytes
        for each in arrays:
            total += self._slots.new_bytes(each.slot, each.slot_bytes)
        return total <= self._most_bytes

    def add(self, number: int, arrays: Sequence[Lent]) -> None:
        """Hold the arrays of an item that is going to be published."""
        item = _LentItem(arrays, len(self._at_readers))
        for _, lent in self._at_readers:
            lent[number] = item
        for each in arrays:
            self._slots.add(each.slot, each.slot_bytes)
        self._items += 1

    def collect(self, published: int) -> None:
        """Let go of what the readers have returned, according to what their bells have read.

        Args:
            published: how many items they can know.

        Raises:
            PeerFaultError: a reader returns what it cannot have.
        """
        for bell, lent in self._at_readers:
            if not bell.returned:
                continue
            ranges, bell.returned = bell.returned, []
            for first, end in ranges:
                if not first < end <= published:
                    raise PeerFaultError(
                        bell.peer, f"returns the items {first} to {end} of {published}"
                    )
                for number in [number for number in lent if first <= number < end]:
                    self._return(lent.pop(number))

    def has_untaken(self, bell: ProducerDoorbell) -> bool:
        """Return whether a reader has not taken all that it was lent, as far as is known."""
        lent = next(lent for each, lent in self._at_readers if each is bell)
        return any(number >= bell.taken_items for number in lent)

    def _return(self, item: _LentItem) -> None:
        item.readers -= 1
        if not item.readers:
            self._items -= 1
            for each in item.arrays:
                self._slots.remove(each.slot)
