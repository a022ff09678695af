"""Checks of shared memory, of what is left there, and of the clock."""

import os
from typing import Final

from ...errors import PipelineError
from ...links.shared import SEGMENTS
from .finding import Finding, State
from .subject import Subject
from .units import size_text

# Links of the smallest session take less than 1 MiB; the rest is for its items.
_LEAST_FREE_BYTES: Final = 8 * 1024 * 1024
# Reading these takes a system call of microseconds; `tsc` and its like take 20 ns.
_SLOW_CLOCKS: Final = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"}
_MOST_NAMES: Final = 3


def check_shared_memory(subject: Subject) -> Finding:
    """Check the size of /dev/shm, and that this user can write there."""
    name, folder = "shared memory", subject.root / "dev/shm"
    if not folder.is_dir():
        advice = "Mount it: mount -t tmpfs tmpfs /dev/shm. Node processes exchange items there."
        return Finding(name, State.ERROR, "there is no /dev/shm", advice)
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "Allow it: chmod 1777 /dev/shm. Node processes exchange items there."
        return Finding(name, State.ERROR, f"{SEGMENTS} is not writable for this user", advice)
    space = subject.space_of(folder)
    size, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
    found = f"{SEGMENTS} has {size_text(free)} free of {size_text(size)}"
    grow = "Enlarge it: --shm-size of a container, a memory emptyDir in Kubernetes, or mount -o "
    if free < _LEAST_FREE_BYTES:
        advice = f"{grow}remount,size=1G /dev/shm. Or remove files there that nobody uses."
        return Finding(name, State.ERROR, found, advice)
    budget = subject.config.multiprocess.shared_memory_budget_bytes
    if size < budget:
        advice = (
            f"{grow}remount,size={_mebibytes(budget)}M /dev/shm. One session may have "
            f"{size_text(budget)} (multiprocess.shared_memory_budget_bytes). With less, fewer "
            "items wait on each link, and large ones, such as video, are refused."
        )
        return Finding(name, State.WARNING, found, advice)
    return Finding(name, State.OK, found)


def check_leftovers(subject: Subject) -> Finding:
    """Check what killed servers have left in shared memory."""
    try:
        left = subject.leftovers()
    except (OSError, PipelineError) as error:
        advice = "Let this user read /dev/shm and its folder for temporary files (TMPDIR)."
        return Finding("leftovers", State.WARNING, str(error), advice)
    removable, lost = left.removable, left.lost
    parts = []
    if removable.instances:
        parts.append(
            f"of {_servers(removable.instances, 'killed server')}: {removable.segments} segments, "
            f"{size_text(removable.segment_bytes)}"
        )
    if lost:
        size = size_text(sum(lost.values()))
        parts.append(f"of {_servers(len(lost), 'server')} without a folder in TMPDIR: {size}")
    advice = "The next start of a server of this user removes them." if removable.instances else ""
    if lost:
        names = [f"{SEGMENTS}/mr{name}_*" for name in sorted(lost)[:_MOST_NAMES]]
        more = " and the like" if len(lost) > _MOST_NAMES else ""
        advice = f"{advice} No start removes the others: rm -r {' '.join(names)}{more}".strip()
    state = State.WARNING if lost else State.OK
    return Finding("leftovers", state, "; ".join(parts) or "none", advice)


def check_clock(subject: Subject) -> Finding:
    """Check that the clock is right, and fast to read."""
    source = subject.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
    synchronized = subject.clock_is_synchronized()
    state = {True: "synchronized", False: "not synchronized", None: "synchronization unknown"}
    found = state[synchronized] + (f"; source {source}" if source else "")
    advice = []
    if synchronized is False:
        advice.append(
            "Start a time service on the machine (chrony, systemd-timesyncd): certificates, logs "
            "and recordings of several machines need the same time."
        )
    if source in _SLOW_CLOCKS:
        advice.append(
            "Reading the clock is slow, and every hop reads it: choose another source "
            "(kernel parameter clocksource=tsc, or the settings of the virtual machine)."
        )
    return Finding("clock", State.WARNING if advice else State.OK, found, " ".join(advice))


def _mebibytes(size: int) -> int:
    return -(-size // 2**20)


def _servers(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
