"""What the ends of a link through shared memory are told; imports no iceoryx2."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

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

    def create(self) -> None:
        """Make the folder, which others of this user join.

        Raises:
            OSError: it cannot be made, or exists: whoever made it is none of ours.
        """
        Path(self.root).mkdir(mode=0o700)

    def check_owner(self) -> None:
        """Make sure that the folder is this user's, before this process joins.

        Raises:
            PermissionError: it is another user's, or none.
        """
        found = os.lstat(self.root)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "is not a folder of this user's", self.root)

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

        Raises:
            OSError: no descriptor is left to look into the folders.
        """
        for path in self.leftovers():
            if path.is_dir():
                shutil.rmtree(path, onerror=_raise_if_exhausted)
            else:
                # In a folder for everybody, another user's file may have such a name.
                with suppress(FileNotFoundError, PermissionError):
                    path.unlink()


def _raise_if_exhausted(_function: object, _path: str, failure: Any) -> None:
    """Leave what cannot be removed, unless it can be later."""
    error = failure[1]
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        raise error


_BORROWS: Final = 32
"""Received items that a reader may hold as views of shared memory; it copies more."""
_BORROWS_PER_STEP: Final = 8
_MOST_STEPS: Final = 8
_PARTS: Final = 2
"""Of what may wait in bytes, for each step."""


class ChannelSpec(msgspec.Struct, frozen=True):
    """One producer's publish-subscribe service.

    An item that a reader hands on by reference stays in the memory of its first producer, and is
    borrowed by its first reader, as long as any later one views it. So a reader may hold more, the
    more nodes come after it.

    Attributes:
        service: its name.
        readers: how many subscribe.
        capacity: items that may wait for each of them.
        steps: links that an item may take after this one, at most.
        drop_oldest: a reader's oldest waiting item is dropped rather than slow the producer down.
    """

    service: str
    readers: int
    capacity: int
    steps: int = 0
    drop_oldest: bool = False

    @property
    def borrows(self) -> int:
        """How many received items each reader may hold at once."""
        return _BORROWS + _BORROWS_PER_STEP * min(self.steps, _MOST_STEPS)

    def borrowed_bytes(self, capacity_bytes: int) -> int:
        """Return how much each reader may hold.

        Args:
            capacity_bytes: how much may wait.
        """
        return capacity_bytes * (_PARTS + min(self.steps, _MOST_STEPS)) // _PARTS

    def used_bytes(self, capacity_bytes: int) -> int:
        """Return how much may be in use in all, in bytes.

        That is what waits, and what is in the hands of each reader; and where a link drops, an item
        is written before the one goes that it replaces.

        Args:
            capacity_bytes: how much may wait.
        """
        return (
            capacity_bytes * (1 + self.drop_oldest)
            + self.borrowed_bytes(capacity_bytes) * self.readers
        )


class ReaderSpec(msgspec.Struct, frozen=True):
    """What a reader is told about its link.

    Attributes:
        channel: the service.
        source: the id of the producing node; empty for the session's inlet.
        capacity_bytes: how much may wait.
        position: of the reader among all readers of the channel, from 1.
    """

    channel: ChannelSpec
    source: str
    capacity_bytes: int
    position: int = 1

    @property
    def borrowed_bytes(self) -> int:
        """How much the reader may keep borrowed."""
        return self.channel.borrowed_bytes(self.capacity_bytes)


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
        return self.channel.used_bytes(self.capacity_bytes)

    @property
    def lent_items(self) -> int:
        """How many items that the node received its readers may hold by reference.

        Fewer than the node may borrow, so that it can receive meanwhile; and more than a reader
        may borrow, so that one which holds that many does not stop it.
        """
        return self._incoming.borrows - _BORROWS_PER_STEP // 2

    @property
    def lent_bytes(self) -> int:
        """How many bytes of them."""
        capacity = self.capacity_bytes
        return self._incoming.borrowed_bytes(capacity) - capacity // (2 * _PARTS)

    @property
    def _incoming(self) -> ChannelSpec:
        return msgspec.structs.replace(self.channel, steps=self.channel.steps + 1)
