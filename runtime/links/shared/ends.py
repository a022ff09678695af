"""How a process comes to its ends of a session's shared links."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .specs import ChannelSpec, DomainSpec, ReaderSpec, WriterSpec

if TYPE_CHECKING:
    from .memory import MemoryNode
    from .reader import SharedReader
    from .writer import SharedWriter


class SharedEnds:
    """Opens ends in one session's domain; each is closed by whoever opened it."""

    def __init__(self, memory: MemoryNode) -> None:
        self._memory = memory

    def create_channel(self, spec: ChannelSpec) -> None:
        """Create the service, and keep it as long as this process is in the domain."""
        self._memory.create_service(spec)

    def open_reader(self, spec: ReaderSpec, ear: socket.socket) -> SharedReader:
        """Return the reading end; it owns the socket from now on."""
        from .reader import SharedReader

        return SharedReader(self._memory, spec, ear)

    def open_writer(self, spec: WriterSpec, bells: Sequence[socket.socket]) -> SharedWriter:
        """Return the writing end; it owns the sockets from now on."""
        from .writer import SharedWriter

        return SharedWriter(self._memory, spec, bells)


@contextmanager
def open_shared_ends(domain: DomainSpec) -> Iterator[SharedEnds]:
    """Join `domain` with this process. Close every end before leaving."""
    from .memory import open_memory

    with open_memory(domain) as memory:
        yield SharedEnds(memory)
