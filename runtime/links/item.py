"""What travels over a link: one data item and where it came from."""

import msgspec

from actors import Audio, Binary, Bundle, Control, Data, File, Json, NumpyArray, Tensor, Text, Video

# What an item without an array is taken to weigh beside its text, so that a queue of small items
# is bounded in bytes too: about the size of the Python objects.
_OBJECT_BYTES = 256


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


def weight_bytes(data: Data) -> int:
    """Return what `data` counts against a link's bound in bytes."""
    match data:
        case Audio():
            return data.samples.nbytes + _OBJECT_BYTES
        case Video():
            return data.pixels.nbytes + _OBJECT_BYTES
        case Tensor() | NumpyArray():
            return data.array.nbytes + _OBJECT_BYTES
        case Binary():
            return data.data.nbytes + _OBJECT_BYTES
        case Text() | Json():
            return len(data.text) + _OBJECT_BYTES
        case Bundle():
            return sum(map(weight_bytes, data.members.values())) + _OBJECT_BYTES
        case Control() | File() | _:
            return _OBJECT_BYTES
