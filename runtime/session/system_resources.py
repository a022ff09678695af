"""What the machine has left for another session: file descriptors, processes and memory."""

import os
import resource
from pathlib import Path
from typing import Final

from .control_groups import ControlGroups, lines_of, number_in
from .demand import Demand

# Left alone for connections, logs and the files of native nodes.
_SPARE_DESCRIPTORS: Final = 8
# A forked node process has about 10 MiB of its own before its actor loads anything.
_PROCESS_BYTES: Final = 8 * 1024 * 1024


class SystemResources:
    """Reads the limits of this process, its control groups and the machine.

    Args:
        root: of the file system, for tests.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._groups = ControlGroups(root)

    def shortage(self, demand: Demand, pending: Demand) -> str:
        """Return which resource is not left for a session, with the figures; empty if all are.

        Args:
            demand: what the session needs.
            pending: what sessions need that are being started, and may not have yet.
        """
        return (
            self._descriptor_shortage(demand, pending)
            or self._process_shortage(demand, pending)
            or self._memory_shortage(demand, pending)
        )

    def can_ever_fit(self, demand: Demand) -> bool:
        """Return whether the session would fit if no other session ran."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return soft == resource.RLIM_INFINITY or demand.descriptors + _SPARE_DESCRIPTORS <= soft

    def _descriptor_shortage(self, demand: Demand, pending: Demand) -> str:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if not demand.descriptors or soft == resource.RLIM_INFINITY:
            return ""
        try:
            used = len(os.listdir(self._proc / "self/fd"))
        except OSError:  # opening the folder takes a descriptor
            used = soft
        if used + pending.descriptors + demand.descriptors + _SPARE_DESCRIPTORS <= soft:
            return ""
        starting = f" and {pending.descriptors} reserved" if pending.descriptors else ""
        return (
            f"the session needs {demand.descriptors} file descriptors, and {used} of {soft} are in "
            f"use{starting}; raise the limit (ulimit -n, or LimitNOFILE of systemd; the hard limit "
            f"is {hard})"
        )

    def _process_shortage(self, demand: Demand, pending: Demand) -> str:
        if not demand.processes:
            return ""
        needed = demand.processes + pending.processes
        for folder in self._groups.of("pids"):
            most, used = number_in(folder, "pids.max"), number_in(folder, "pids.current")
            if most is not None and used is not None and used + needed > most:
                return (
                    f"the session needs {demand.processes} processes, and the control group has "
                    f"{used} of {most} (pids.max)"
                )
        return ""

    def _memory_shortage(self, demand: Demand, pending: Demand) -> str:
        if not demand.processes:
            return ""
        needed = (demand.processes + pending.processes) * _PROCESS_BYTES
        free = self._free_bytes()
        if free is None or free >= needed:
            return ""
        return (
            f"the session's {demand.processes} processes need at least {needed} bytes of memory, "
            f"and {free} are free"
        )

    def _free_bytes(self) -> int | None:
        """Return the memory that this process may still have; None if it is unknown."""
        free = [
            int(line.split()[1]) * 1024
            for line in lines_of(self._proc / "meminfo")
            if line.startswith("MemAvailable:")
        ]
        for folder in self._groups.of("memory"):
            most = number_in(folder, "memory.max", "memory.limit_in_bytes")
            used = number_in(folder, "memory.current", "memory.usage_in_bytes")
            if most is not None and used is not None:
                free.append(max(0, most - used + _inactive_file_bytes(folder)))
        return min(free, default=None)


def _inactive_file_bytes(folder: Path) -> int:
    """Return the bytes of the page cache that the kernel gives up when memory is needed."""
    for line in lines_of(folder / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
