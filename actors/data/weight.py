"""What an item weighs where items wait."""

from typing import Final

from ._base import Data
from .arrays import Binary, NumpyArray, Tensor
from .audio import Audio
from .bundle import Bundle
from .text import Json, Text
from .video import Video

# What an item without an array is taken to weigh beside its text, so that a queue of small items
# is bounded in bytes too: about the size of the Python objects.
_OBJECT_BYTES: Final = 256


def weight_bytes(data: Data) -> int:
    """Return what `data` counts against a bound in bytes."""
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
        case _:
            return _OBJECT_BYTES
