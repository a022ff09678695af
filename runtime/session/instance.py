"""The names of one runtime on this machine, and the removal of what killed ones left."""

import fcntl
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..config import random_replica_id
from ..errors import PipelineError
from ..links.shared import SEGMENTS, DomainSpec

_log: Final = logging.getLogger("millrace.session")

_LOCK: Final = "lock"
# The process id is for people; the rest is random, because process ids are reused. Other users of
# the machine read it in names of /dev/shm, so those of each session have a secret of their own.
_NAME: Final = re.compile(r"[0-9a-f]+-[0-9a-f]{8}")
_SEGMENT: Final = re.compile(r"mr(?P<server>(?P<process>[0-9a-f]+)-[0-9a-f]{8})_")
_UNFINISHED: Final = ".new-"
# Creating a folder and locking it takes far less time.
_UNFINISHED_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What was removed that killed servers had left.

    Attributes:
        instances: number of servers.
        segments: number of files in shared memory.
        segment_bytes: their size in bytes.
    """

    instances: int = 0
    segments: int = 0
    segment_bytes: int = 0

    def __add__(self, other: "SweepReport") -> "SweepReport":
        return SweepReport(
            self.instances + other.instances,
            self.segments + other.segments,
            self.segment_bytes + other.segment_bytes,
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """The names that belong to one runtime.

    Attributes:
        name: part of every name.
        root: its folder, which is locked as long as it lives: whoever gets the lock knows that it
            does not.
        swept: what it removed of others at its start.
    """

    name: str
    root: Path
    swept: SweepReport
    _ended: list[DomainSpec] = field(default_factory=list)

    def domain(self, number: int, budget_bytes: int) -> DomainSpec:
        """Return the names of its session `number`, which nobody can know before they exist.

        iceoryx2's files lie in shared memory too: it waits for the disk at each of them.
        """
        prefix = f"{_prefix(self.name)}{number}_{secrets.token_hex(8)}_"
        return DomainSpec(prefix, str(SEGMENTS / f"{prefix}files"), budget_bytes)

    def remove(self, domain: DomainSpec) -> None:
        """Remove what is left of a session; call it when no process of it lives any more.

        Looking for it takes a descriptor. If there is none, the next call removes it too.
        """
        self._ended.append(domain)
        self._remove_ended()

    def _remove_ended(self) -> None:
        with suppress(OSError):
            while self._ended:
                self._ended[-1].remove()
                self._ended.pop()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What killed servers of this user have left, as far as it can be seen from here.

    Attributes:
        removable: what the next start of a server removes.
        lost: what it does not, because the folder of its server is gone or lies elsewhere: files in
            shared memory by the name of their server, with their bytes.
    """

    removable: SweepReport
    lost: Mapping[str, int]


def find_leftovers() -> Leftovers:
    """Find what killed servers of this user have left; change nothing."""
    temporary = Path(tempfile.gettempdir())
    own = f"millrace-{os.getuid()}"
    paths = [temporary / own, *temporary.glob(f"{own}-*")]
    folders = [path for path in paths if _is_own_folder(path)]
    dead = [root for folder in folders for root in _dead_instances(folder)]
    known = {root.name for folder in folders for root in folder.iterdir()}
    return Leftovers(sum(map(_report, dead), SweepReport()), _lost_bytes(known))


def _lost_bytes(known: Collection[str]) -> dict[str, int]:
    """Return the bytes of each server that is not known and whose process does not run."""
    found: dict[str, int] = {}
    with os.scandir(SEGMENTS) as entries:
        for entry in entries:
            match = _SEGMENT.match(entry.name)
            if match is None or match["server"] in known:
                continue
            # Its folder may lie elsewhere: a service can have a folder for temporary files of its
            # own. While its process lives, nothing is lost.
            if Path(f"/proc/{int(match['process'], 16)}").exists():
                continue
            with suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                if state.st_uid == os.getuid():
                    size = state.st_blocks * 512
                    found[match["server"]] = found.get(match["server"], 0) + size
    return found


def sweep_leftovers() -> SweepReport:
    """Remove what killed servers of this user left. It is work for a thread.

    Raises:
        PipelineError: the folder for temporary files does not allow it.
    """
    folder, others = _folders()
    return sum(map(_sweep, (folder, *others)), SweepReport())


@contextmanager
def open_instance() -> Iterator[Instance]:
    """Choose a name, and remove what killed servers of this user left.

    Raises:
        PipelineError: the folder for temporary files does not allow it.
    """
    folder, _ = _folders()
    swept = sweep_leftovers()
    name = random_replica_id()
    unfinished, root = folder / f"{_UNFINISHED}{name}", folder / name
    unfinished.mkdir(mode=0o700)
    descriptor = os.open(unfinished / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Others see the folder when it is locked, and not before.
        unfinished.rename(root)
        instance = Instance(name, root, swept)
        try:
            yield instance
        finally:
            instance._remove_ended()
            shutil.rmtree(root, ignore_errors=True)
    finally:
        os.close(descriptor)


def _folders() -> tuple[Path, list[Path]]:
    """Return the folder of all runtimes of this user, and others that stood in for it before.

    Anybody may make a folder of that name first. Then one with a random name stands in for it.
    """
    name = f"millrace-{os.getuid()}"
    temporary = Path(tempfile.gettempdir())
    folder = temporary / name
    try:
        others = [path for path in temporary.glob(f"{name}-*") if _is_own_folder(path)]
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if not _is_own_folder(folder):
            _log.warning(
                "%s is not a folder of this user's alone; another one is used. Remove it: servers "
                "do not find there what killed ones have left",
                folder,
            )
            folder = others.pop() if others else Path(tempfile.mkdtemp(prefix=f"{name}-"))
    except OSError as error:
        raise PipelineError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder, others


def _is_own_folder(path: Path) -> bool:
    """Return whether a path is a folder, and no link to one, that this user alone can change."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _sweep(folder: Path) -> SweepReport:
    for root in folder.iterdir():
        if root.name.startswith(_UNFINISHED):
            with suppress(FileNotFoundError):
                if time.time() - root.stat().st_mtime > _UNFINISHED_SECONDS:
                    shutil.rmtree(root, ignore_errors=True)
    return sum((_removed(root) for root in _dead_instances(folder)), SweepReport())


def _removed(root: Path) -> SweepReport:
    report = _report(root)
    _names_of(root).remove()
    return report


def _report(root: Path) -> SweepReport:
    sizes = [_size_bytes(path) for path in _names_of(root).segments()]
    return SweepReport(1, len(sizes), sum(sizes))


def _names_of(root: Path) -> DomainSpec:
    return DomainSpec(_prefix(root.name), str(root))


def _dead_instances(folder: Path) -> Iterator[Path]:
    """Yield the folders of instances that no process has any more."""
    for root in folder.iterdir():
        if _NAME.fullmatch(root.name) and _is_dead(root):
            yield root


def _is_dead(root: Path) -> bool:
    """Return whether no process holds the lock of an instance's folder."""
    try:
        descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # it is just ending, or is no folder of a runtime
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _prefix(name: str) -> str:
    return f"mr{name}_"
