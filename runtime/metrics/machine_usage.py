"""What processes and shared memory take of the machine, as the kernel counts it."""

import os
import resource
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..links.shared import SEGMENTS

_KIB: Final = 1024
_BLOCK_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """The memory of a process, in bytes.

    Attributes:
        resident: pages in memory, also those that it shares.
        proportional: the same, each shared page divided by the number of its processes (PSS).
    """

    resident: int = 0
    proportional: int = 0

    def __add__(self, other: "ProcessUsage") -> "ProcessUsage":
        """Return the sum."""
        return ProcessUsage(self.resident + other.resident, self.proportional + other.proportional)


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """The usage at one moment.

    Attributes:
        server: the memory of the server's own process.
        cpu_seconds: of the server's own process, in all threads.
        minor_faults, major_faults: page faults of the server's own process.
        processes: the memory of each other process, by process id; without those that have ended.
        shared_memory_bytes: that the sessions have in /dev/shm.
        shared_memory_size_bytes: of the whole /dev/shm.
        shared_memory_free_bytes: of the whole /dev/shm.
    """

    server: ProcessUsage = ProcessUsage()
    cpu_seconds: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    processes: Mapping[int, ProcessUsage] = field(default_factory=dict)
    shared_memory_bytes: int = 0
    shared_memory_size_bytes: int = 0
    shared_memory_free_bytes: int = 0


def read_usage(processes: Iterable[int], prefixes: Iterable[str]) -> MachineUsage:
    """Read the usage, which takes about 1 ms for each process: call it in a thread.

    Args:
        processes: ids of node processes.
        prefixes: beginnings of the names of the sessions' files in /dev/shm.
    """
    own = resource.getrusage(resource.RUSAGE_SELF)
    memory = os.statvfs(SEGMENTS)
    found = {pid: usage for pid in processes if (usage := _memory_of(f"{pid}")) is not None}
    return MachineUsage(
        server=_memory_of("self") or ProcessUsage(),
        cpu_seconds=own.ru_utime + own.ru_stime,
        minor_faults=own.ru_minflt,
        major_faults=own.ru_majflt,
        processes=found,
        shared_memory_bytes=_segment_bytes(tuple(prefixes)),
        shared_memory_size_bytes=memory.f_blocks * memory.f_frsize,
        shared_memory_free_bytes=memory.f_bavail * memory.f_frsize,
    )


def _memory_of(process: str) -> ProcessUsage | None:
    """Return the memory of a process; None if it has ended or is another user's."""
    try:
        lines = Path("/proc", process, "smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    sizes = {
        name: int(value.split()[0]) * _KIB
        for name, _, value in (line.partition(":") for line in lines)
        if name in ("Rss", "Pss")
    }
    return ProcessUsage(sizes.get("Rss", 0), sizes.get("Pss", 0))


def _segment_bytes(prefixes: tuple[str, ...]) -> int:
    total = 0
    if prefixes:
        with os.scandir(SEGMENTS) as entries:
            for entry in entries:
                if entry.name.startswith(prefixes):
                    with suppress(FileNotFoundError):  # of a session that ends just now
                        total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
    return total
