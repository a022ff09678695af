"""How busy the machine is, or the part of it that this server may use."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from ..session import ControlGroups, lines_of, number_in

_MICROSECONDS: Final = 1_000_000


class CpuTime(NamedTuple):
    """Processor time since some moment, in seconds.

    Attributes:
        used: by processes.
        available: used or not.
    """

    used: float
    available: float


class MachineLoad:
    """Reads the processor time and the memory: of the control group if it has limits.

    Replicas in containers share a machine: each reports its own part.

    Args:
        root: of the file system, for tests.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._groups = ControlGroups(root)

    def cpu(self, now: float) -> CpuTime:
        """Return the processor time so far.

        Args:
            now: seconds of a clock that never goes back.
        """
        for folder in self._groups.of("cpu"):
            quota, period = [*" ".join(lines_of(folder / "cpu.max")).split(), "", ""][:2]
            used = _values(folder / "cpu.stat").get("usage_usec")
            if quota.isdecimal() and period.isdecimal() and int(period) and used is not None:
                return CpuTime(used / _MICROSECONDS, now * int(quota) / int(period))
        return self._machine_cpu()

    def memory(self) -> float:
        """Return the part of the memory that is in use, from 0 to 1."""
        for folder in self._groups.of("memory"):
            most, used = number_in(folder, "memory.max"), number_in(folder, "memory.current")
            if most and used is not None:
                # The kernel takes the cache back where memory is needed.
                cache = _values(folder / "memory.stat").get("inactive_file", 0)
                return min(max(0, used - cache) / most, 1.0)
        sizes = _values(self._proc / "meminfo")
        total = sizes.get("MemTotal:", 0)
        return 1 - sizes.get("MemAvailable:", total) / total if total else 0.0

    def _machine_cpu(self) -> CpuTime:
        # user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user.
        first = next(iter(lines_of(self._proc / "stat")), "").split()[1:9]
        ticks = [int(each) for each in first]
        if len(ticks) < 5:
            return CpuTime(0.0, 0.0)
        tick_seconds = 1 / os.sysconf("SC_CLK_TCK")
        idle = ticks[3] + ticks[4]
        return CpuTime((sum(ticks) - idle) * tick_seconds, sum(ticks) * tick_seconds)


def _values(path: Path) -> dict[str, int]:
    """Return the numbers of a file with lines of a name and a number."""
    lines = (line.split() for line in lines_of(path))
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}
