"""The codec: messages of remotemedia.v1 to bytes and back, strictly and fast."""

from .codec import Codec, as_payload
from .errors import DecodeError, EncodeError
from .part_writers import Buffer

__all__ = [
    "Buffer",
    "Codec",
    "DecodeError",
    "EncodeError",
    "as_payload",
]
