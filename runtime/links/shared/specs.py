"""What the ends of a link through shared memory are told; imports no iceoryx2."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

SEGMENTS: Final = Path("/dev/shm")  # noqa: S108 (where iceoryx2 puts them)


class DomainSpec(msgspec.Struct, frozen=True):
    """A session's own corner of the machine's shared memory.

    Attributes:
        prefix: of every name in /dev/shm.
        root: the folder of iceoryx2's files.
        budget_bytes: what all of its processes together may have.
    """

    prefix: str
    root: str
    budget_bytes: int = 2**62

    def segments(self) -> list[Path]:
        """Return the shared memory that exists under this spec's names."""
        with os.scandir(SEGMENTS) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if entry.name.startswith(self.prefix) and not entry.is_dir()
            ]

    def leftovers(self) -> list[Path]:
        """Return everything that exists under this spec's names."""
        root = Path(self.root)
        with os.scandir(SEGMENTS) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(self.prefix)]
        return [*found, root] if root.exists() and root not in found else found

    def remove(self) -> None:
        """Remove whatever is left; call it when no process of the session lives any more.

        Arrays that view a removed segment stay valid.
        """
        for path in self.leftovers():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(FileNotFoundError):
                    path.unlink()


class ChannelSpec(msgspec.Struct, frozen=True):
    """One producer's publish-subscribe service.

    Attributes:
        service: its name.
        readers: how many subscribe.
        capacity: items that may wait for each of them.
        borrows: received items that each may hold at once.
        drop_oldest: a reader's oldest waiting item is dropped rather than slow the producer down.
    """

    service: str
    readers: int
    capacity: int
    borrows: int
    drop_oldest: bool = False

    @property
    def shares(self) -> int:
        """How often what may wait in bytes may be in use.

        As much as waits may also be in the hands of each reader; and where a link drops, an item is
        written before the one goes that it replaces.
        """
        return 1 + self.readers + self.drop_oldest


class ReaderSpec(msgspec.Struct, frozen=True):
    """What a reader is told about its link.

    Attributes:
        channel: the service.
        source: the id of the producing node; empty for the session's inlet.
        capacity_bytes: how much may wait; also how much the reader may keep borrowed.
    """

    channel: ChannelSpec
    source: str
    capacity_bytes: int


class WriterSpec(msgspec.Struct, frozen=True):
    """What a producer is told about its link.

    Attributes:
        channel: the service.
        peers: the ids of the readers, in the order of their doorbells.
        capacity_bytes: how many bytes may wait for each reader.
    """

    channel: ChannelSpec
    peers: tuple[str, ...]
    capacity_bytes: int

    @property
    def most_bytes(self) -> int:
        """What may be in use in all."""
        return self.capacity_bytes * self.channel.shares
