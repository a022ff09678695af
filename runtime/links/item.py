"""What travels over a link: one data item and where it came from."""

import msgspec

from actors import Data


class Item(msgspec.Struct, eq=False):
    """A data item on its way.

    Attributes:
        data: the item itself.
        sequence: of the chunk that it came from; every output carries its input's on.
        source: the id of the node that produced it; empty for a chunk that a client sent.
        timestamp_ms: the client's, in milliseconds; 0 if it gave none.
        entered_ns: when the chunk entered the session, in nanoseconds of the system-wide monotonic
            clock, so that any process can tell how long it has been under way.
        to: the only reader that gets it; empty for all.
    """

    data: Data
    sequence: int = 0
    source: str = ""
    timestamp_ms: int = 0
    entered_ns: int = 0
    to: str = ""
