"""What else a machine does while it measures."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_TICKS: int = os.sysconf("SC_CLK_TCK")
# A figure is "beside other load" if others take more than this share of the machine: about what
# the system's own services take.
_QUIET_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """Counters at one time; their difference at a later time is the load of others."""

    began: float = field(default_factory=time.monotonic)
    busy_seconds: float = field(default_factory=lambda: _busy_seconds())
    own_seconds: float = field(default_factory=lambda: _own_seconds())

    def others(self) -> float:
        """Return the share of all cores, 0 to 1, that other processes have taken since then."""
        cores = os.cpu_count() or 1
        available = max(time.monotonic() - self.began, 1e-9) * cores
        busy, own = _busy_seconds() - self.busy_seconds, _own_seconds() - self.own_seconds
        return min(max((busy - own) / available, 0.0), 1.0)

    def describe(self) -> str:
        """Return a sentence for a table: how much others have taken since then."""
        share, average = self.others(), os.getloadavg()[0]
        what = "quiet" if share < _QUIET_SHARE else "BESIDE OTHER LOAD"
        return (
            f"{what}: other processes took {100 * share:.0f} % of the cores, "
            f"load average {average:.1f}"
        )


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, to the nanosecond.

    psutil reads /proc, which counts in steps of 10 ms. See clock_getcpuclockid(3).
    """
    return time.clock_gettime((~pid << 3) | 2)


def _busy_seconds() -> float:
    """Return the processor time that the machine has spent, and that its host took from it."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _own_seconds() -> float:
    """Return the processor time of this process and of all that it has started."""
    own = psutil.Process()
    total = sum(own.cpu_times()[:4])
    for each in own.children(recursive=True):
        try:
            total += sum(each.cpu_times()[:4])
        except psutil.NoSuchProcess:  # its parent has its time now
            continue
    return total
