"""How a process comes to its ends of a session's shared links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..waiting import Waiting
from .doorbell import DoorbellEnd
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

    def open_reader(self, spec: ReaderSpec, ear: DoorbellEnd) -> SharedReader:
        """Return the reading end; it owns its side of the doorbell from now on."""
        from .reader import SharedReader

        return SharedReader(self._memory, spec, ear)

    def open_writer(
        self, spec: WriterSpec, bells: Sequence[DoorbellEnd], waiting: Waiting
    ) -> SharedWriter:
        """Return the writing end; it owns its sides of the doorbells from now on.

        Args:
            spec: the link.
            bells: one per reader.
            waiting: how `send` and `end` wait for room.
        """
        from .dropping_writer import DroppingWriter
        from .writer import SharedWriter

        writer = DroppingWriter if spec.channel.drop_oldest else SharedWriter
        return writer(self._memory, spec, bells, waiting)


def import_shared_memory() -> None:
    """Import iceoryx2 and all that uses it, for processes that are forked from this one."""
    from . import dropping_writer, reader, writer  # noqa: F401


@contextmanager
def open_shared_ends(domain: DomainSpec, on_fault: Callable[[], None]) -> Iterator[SharedEnds]:
    """Join `domain` with this process. Close every end before leaving.

    Args:
        domain: the session's.
        on_fault: called once when the machine has no page for what this process writes, at any
            point of its code. The process can go on, the session cannot.

    Raises:
        SharedMemoryError: there is no room.
    """
    from .memory import open_memory

    with open_memory(domain, on_fault) as memory:
        yield SharedEnds(memory)
