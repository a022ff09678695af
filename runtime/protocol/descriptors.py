"""The contract as data, for server reflection: with it, clients such as grpcurl need no files."""

from pathlib import Path
from typing import Final

DESCRIPTOR_SET: Final = "descriptors.binpb"


def descriptor_set() -> bytes:
    """Return a serialized google.protobuf.FileDescriptorSet, each file after those it imports."""
    return Path(__file__).with_name("generated").joinpath(DESCRIPTOR_SET).read_bytes()
