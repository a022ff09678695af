"""What a node records of one output, while its session is explained."""

from typing import Annotated

import msgspec

# A node process reports these, and may be broken: what is out of range is refused as it is read.
_Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Number = Annotated[int, msgspec.Meta(ge=0)]
_NodeId = Annotated[str, msgspec.Meta(max_length=4096)]


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """The way of one item over a link and through the node that reads it, up to one output.

    All times are of the monotonic clock, which the processes of a machine share, in nanoseconds.

    Attributes:
        sequence, entered_ns: as the item and the output have them.
        source: the producer of the item; empty for the session's inlet.
        source_number: the item's place among all that came over that link.
        free_ns: when the node had finished what it did before.
        taken_ns: when it took the item.
        busy_ns: how long its actor's code had run for this item.
        blocked_ns: how long it had waited for room for earlier outputs of this item.
        number: the output's place among all that the node has sent.
        emitted_ns, sent_ns: when it began to send the output, and when all readers had room.
    """

    sequence: _Number
    entered_ns: _Nanoseconds
    source: _NodeId
    source_number: _Number
    free_ns: _Nanoseconds
    taken_ns: _Nanoseconds
    busy_ns: _Nanoseconds
    blocked_ns: _Nanoseconds
    number: _Number
    emitted_ns: _Nanoseconds
    sent_ns: _Nanoseconds


def is_sampled(entered_ns: int, interval: int) -> bool:
    """Return whether the items of a chunk are explained: every node decides the same.

    By the time of entry, and not by the sequence, which clients choose. Its last digits are as good
    as random, so that of `interval` chunks about one is chosen.

    Args:
        entered_ns: when the chunk entered; 0 for an item that comes of no chunk.
        interval: 1 chooses all.
    """
    return entered_ns > 0 and entered_ns % interval == 0
