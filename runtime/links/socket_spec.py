"""What both ends of a link through a socket are told; imports no sockets."""

from typing import Annotated, Final

import msgspec

_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**40)]
_WINDOW_PARTS: Final = 4


class SocketLinkSpec(msgspec.Struct, frozen=True):
    """One link through a socket: from one producer to one reader.

    Attributes:
        source: the id of the producer; empty for the session's inlet.
        reader: the id of the reader; empty for the session.
        capacity: items that may wait on the link.
        capacity_bytes: bytes that may wait; one item always fits.
        most_item_bytes: the size of the largest item.
        drop_oldest: drop the oldest waiting item rather than slow the producer down.
    """

    source: str
    reader: str
    capacity: _Positive
    capacity_bytes: _Positive
    most_item_bytes: _Positive
    drop_oldest: bool = False

    @property
    def name(self) -> str:
        """The name of the link in its session. No node id has a line break."""
        return f"{self.source}\n{self.reader}"

    def between(self, source: str, reader: str) -> "SocketLinkSpec":
        """Return the same link between others."""
        return msgspec.structs.replace(self, source=source, reader=reader)

    @property
    def window(self) -> int:
        """How many items may be under way, or in the reader's buffers, and not taken yet.

        What is under way cannot be dropped any more, so that a link which drops has less of it.
        """
        return max(1, self.capacity // _WINDOW_PARTS) if self.drop_oldest else self.capacity

    @property
    def window_bytes(self) -> int:
        """How many bytes of them."""
        parts = _WINDOW_PARTS if self.drop_oldest else 1
        return max(1, self.capacity_bytes // parts)
