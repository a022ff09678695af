"""Items as bytes outside of shared memory, for taps: the same form as on a channel."""

from typing import cast

from ..item import Item
from .layout import write
from .packing import pack, read


def item_bytes(item: Item) -> bytes:
    """Return a copy of an item, in the form that it has in shared memory."""
    packed = pack(item.data)
    copy = bytearray(packed.total_bytes)
    write(memoryview(copy), packed, item)
    # Nobody writes to it any more; to make real bytes of it would copy a large item once more.
    return cast(bytes, copy)


def item_of_bytes(copy: bytes, source: str) -> Item:
    """Return the item that `item_bytes` copied; its arrays are views of `copy`.

    Raises:
        DataError: this is no item.
    """
    data, header = read(memoryview(copy))
    return Item(data, header.sequence, source, header.timestamp_ms, header.entered_ns)
