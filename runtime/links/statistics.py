"""What a link counts."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number that also a node process reports: the bound lets sums stay within 64 bits."""


@dataclass(slots=True)
class LinkStatistics:
    """Counters of one end of a link.

    Attributes:
        items: passed on.
        payload_bytes: of those items.
        shared_bytes: written to, or read from, shared memory.
        copies: of payloads, that a boundary forced.
        copied_bytes: in those copies.
        references: payloads that were handed on by reference, where they lie in shared memory.
        referenced_bytes: of those payloads.
        lending_waits: times that the readers had as much by reference as they may, and the next
            item waited until they took what they had not taken yet.
        dropped: items that the link dropped before this reader took them. A producer counts none: a
            drop belongs to one reader.
    """

    items: Count = 0
    payload_bytes: Count = 0
    shared_bytes: Count = 0
    copies: Count = 0
    copied_bytes: Count = 0
    references: Count = 0
    referenced_bytes: Count = 0
    lending_waits: Count = 0
    dropped: Count = 0

    def add(self, other: "LinkStatistics") -> None:
        """Add another end's counters to these."""
        self.items += other.items
        self.payload_bytes += other.payload_bytes
        self.shared_bytes += other.shared_bytes
        self.copies += other.copies
        self.copied_bytes += other.copied_bytes
        self.references += other.references
        self.referenced_bytes += other.referenced_bytes
        self.lending_waits += other.lending_waits
        self.dropped += other.dropped
