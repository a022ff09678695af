"""The codec: messages of remotemedia.v1 to bytes and back, strictly, fast and within limits."""

from .codec import Codec, as_payload
from .errors import DecodeError, EncodeError, MalformedError, MessageLimitError
from .part_writers import Buffer
from .wire_format import encode_varint, read_varint

__all__ = [
    "Buffer",
    "Codec",
    "DecodeError",
    "EncodeError",
    "MalformedError",
    "MessageLimitError",
    "as_payload",
    "encode_varint",
    "read_varint",
]
