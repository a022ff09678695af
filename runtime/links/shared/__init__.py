"""Links between processes: payloads in iceoryx2's shared memory, doorbells on Unix sockets.

Importing this is cheap; iceoryx2 itself is imported by the first `open_shared_ends`.
"""

from .doorbell import DoorbellEnd, open_doorbell
from .ends import SharedEnds, open_shared_ends
from .headroom import share_bytes
from .specs import DROPPING_WINDOW, SEGMENTS, ChannelSpec, DomainSpec, ReaderSpec, WriterSpec

__all__ = [
    "ChannelSpec",
    "DROPPING_WINDOW",
    "DomainSpec",
    "DoorbellEnd",
    "ReaderSpec",
    "SEGMENTS",
    "SharedEnds",
    "WriterSpec",
    "open_doorbell",
    "open_shared_ends",
    "share_bytes",
]
