"""What a link counts."""

from dataclasses import dataclass


@dataclass(slots=True)
class LinkStatistics:
    """Counters of one end of a link.

    Attributes:
        items: passed on.
        payload_bytes: of those items.
        shared_bytes: written to, or read from, shared memory.
        copies: of payloads, that a boundary forced.
        copied_bytes: in those copies.
        dropped: items that an overflowing link let go, oldest first.
    """

    items: int = 0
    payload_bytes: int = 0
    shared_bytes: int = 0
    copies: int = 0
    copied_bytes: int = 0
    dropped: int = 0

    def add(self, other: "LinkStatistics") -> None:
        """Add another end's counters to these."""
        self.items += other.items
        self.payload_bytes += other.payload_bytes
        self.shared_bytes += other.shared_bytes
        self.copies += other.copies
        self.copied_bytes += other.copied_bytes
        self.dropped += other.dropped
