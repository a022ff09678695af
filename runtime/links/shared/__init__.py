"""Links between processes: payloads in iceoryx2's shared memory, doorbells on Unix sockets.

Importing this is cheap; iceoryx2 itself is imported by the first `open_shared_ends`.
"""

from .doorbell import DoorbellEnd, open_doorbell
from .ends import SharedEnds, import_shared_memory, open_shared_ends
from .headroom import share_bytes
from .item_copies import item_bytes, item_of_bytes
from .layout import HEADER_BYTES, PackedItem, aligned, header_of
from .mappings import libc_with_mmap
from .packing import pack, read
from .refusals import no_pages_left, refusals_explained
from .specs import SEGMENTS, ChannelSpec, DomainSpec, ReaderSpec, WriterSpec

__all__ = [
    "HEADER_BYTES",
    "SEGMENTS",
    "ChannelSpec",
    "DomainSpec",
    "DoorbellEnd",
    "PackedItem",
    "ReaderSpec",
    "SharedEnds",
    "WriterSpec",
    "aligned",
    "header_of",
    "import_shared_memory",
    "item_bytes",
    "item_of_bytes",
    "libc_with_mmap",
    "no_pages_left",
    "open_doorbell",
    "pack",
    "read",
    "open_shared_ends",
    "refusals_explained",
    "share_bytes",
]
