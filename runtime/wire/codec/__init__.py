"""The codec: messages of remotemedia.v1 to bytes and back, strictly and fast."""

from .codec import Codec, as_payload
from .descriptors import DESCRIPTOR_SET, DescribedFile, described_files, descriptor_set
from .errors import DecodeError, EncodeError
from .part_writers import Buffer

__all__ = [
    "DESCRIPTOR_SET",
    "Buffer",
    "Codec",
    "DecodeError",
    "DescribedFile",
    "EncodeError",
    "as_payload",
    "described_files",
    "descriptor_set",
]
