"""Checks of the limits of this process and its control groups, against those of the settings."""

from pathlib import Path
from typing import Final

from ...links.shared import SEGMENTS
from ...session import lines_of, number_in
from .finding import Finding, State
from .subject import Subject
from .units import size_text

# A session of two node processes opens 53 descriptors while it starts (27 November 2026).
_DESCRIPTORS_PER_PROCESS: Final = 27
_DESCRIPTORS_OF_SERVER: Final = 100
_FEWEST_DESCRIPTORS: Final = 256
# The threads of a server or worker, and its forkserver with its helper (counted, 27 November 2026).
_PROCESSES_OF_SERVER: Final = 8
# What a server or worker and its forkserver need before any session, rounded up.
_LEAST_MEMORY_BYTES: Final = 256 * 1024 * 1024
_FEW_CORES: Final = 2


def check_descriptors(subject: Subject) -> Finding:
    """Check the limit of file descriptors; the server raises the soft one to the hard one."""
    soft, hard = subject.limits("Max open files")
    found = f"at most {_text(hard)} (soft limit {_text(soft)})"
    if hard is None:
        return Finding("file descriptors", State.OK, found)
    most = subject.config.limits.max_total_processes
    connections = subject.config.server.max_connections
    needed = connections + most * _DESCRIPTORS_PER_PROCESS + _DESCRIPTORS_OF_SERVER
    advice = (
        f"Raise the hard limit to {needed} (LimitNOFILE of systemd, --ulimit of a container): "
        f"{most} node processes (limits.max_total_processes) and {connections} clients "
        "(server.max_connections) may need that many; sessions beyond it are refused."
    )
    if hard < _FEWEST_DESCRIPTORS:
        return Finding("file descriptors", State.ERROR, found, advice)
    if hard < needed:
        return Finding("file descriptors", State.WARNING, found, advice)
    return Finding("file descriptors", State.OK, found)


def check_processes(subject: Subject) -> Finding:
    """Check the limits of processes: of the user, the control groups and the machine."""
    user, _ = subject.limits("Max processes")
    limits = {"the user's limit": user, "the machine's limit": _file_number(subject, "pid_max")}
    left = {name: most for name, most in limits.items() if most is not None}
    for folder in subject.groups.of("pids"):
        most, used = number_in(folder, "pids.max"), number_in(folder, "pids.current")
        if most is not None:
            left["the control group's limit"] = min(
                most - (used or 0), left.get("the control group's limit", most)
            )
    if not left:
        return Finding("processes", State.OK, "no limit")
    name = min(left, key=lambda each: left[each])
    rest = left[name]
    found = f"{rest} left ({name})"
    wanted = subject.config.limits.max_total_processes
    advice = (
        f"limits.max_total_processes allows {wanted} node processes, and each thread of theirs "
        "counts: raise the limit (TasksMax of systemd, --pids-limit of a container, ulimit -u), or "
        "lower the setting."
    )
    of_server = _PROCESSES_OF_SERVER * subject.config.server.workers
    if rest < of_server:
        return Finding("processes", State.ERROR, found, advice)
    if rest < wanted + of_server:
        return Finding("processes", State.WARNING, found, advice)
    return Finding("processes", State.OK, found)


def check_cores(subject: Subject) -> Finding:
    """Check how many cores there are, and whether a control group allows less than all."""
    cores = subject.cores
    share = min((_cores_of(folder) for folder in subject.groups.of("cpu")), default=cores)
    if share < cores:
        return Finding(
            "cores",
            State.WARNING,
            f"{cores}; the control group may use {share:g}",
            f"Libraries of models start a thread for each of the {cores} cores, which then wait "
            f"for each other: set OMP_NUM_THREADS={max(1, int(share))} for the server.",
        )
    workers = subject.config.server.workers
    if workers > cores:
        return Finding(
            "cores",
            State.WARNING,
            f"{cores}; server.workers is {workers}",
            "Workers beyond the cores wait for each other, and each takes memory of its own: set "
            f"server.workers to {cores} or less.",
        )
    if cores < _FEW_CORES:
        return Finding(
            "cores",
            State.WARNING,
            f"{cores}",
            "Nodes run one after the other: processes of their own add no speed here.",
        )
    return Finding("cores", State.OK, f"{cores}")


def check_memory(subject: Subject) -> Finding:
    """Check the memory that is left, and that the control group has room for /dev/shm."""
    free, limit = _memory_left(subject)
    if free is None:
        return Finding("memory", State.WARNING, "unknown", "/proc/meminfo cannot be read.")
    found = f"{size_text(free)} left"
    found += f" (the control group has {size_text(limit)})" if limit is not None else ""
    workers = subject.config.server.workers
    least = _LEAST_MEMORY_BYTES * workers
    if free < least:
        advice = f"Free or add memory: {size_text(least)}"
        advice += f" for {workers} workers (server.workers)." if workers > 1 else "."
        return Finding("memory", State.ERROR, found, advice)
    shared = subject.config.multiprocess.shared_memory_budget_bytes
    if limit is not None and limit < shared + least:
        return Finding(
            "memory",
            State.WARNING,
            found,
            f"{SEGMENTS} counts as memory, and one session may have {size_text(shared)} there "
            "(multiprocess.shared_memory_budget_bytes): raise the limit, or lower the setting.",
        )
    return Finding("memory", State.OK, found)


def _memory_left(subject: Subject) -> tuple[int | None, int | None]:
    """Return the bytes that are left, and the limit of the control group."""
    left = [
        int(line.split()[1]) * 1024
        for line in lines_of(subject.root / "proc/meminfo")
        if line.startswith("MemAvailable:")
    ]
    total = [
        int(line.split()[1]) * 1024
        for line in lines_of(subject.root / "proc/meminfo")
        if line.startswith("MemTotal:")
    ]
    limits = []
    for folder in subject.groups.of("memory"):
        most = number_in(folder, "memory.max", "memory.limit_in_bytes")
        used = number_in(folder, "memory.current", "memory.usage_in_bytes")
        # Version 1 has a number larger than any machine where there is no limit.
        if most is not None and most < min(total, default=most + 1):
            limits.append(most)
            left.append(max(0, most - (used or 0)))
    return min(left, default=None), min(limits, default=None)


def _cores_of(folder: Path) -> float:
    """Return how many cores a control group may use."""
    quota, period = [*" ".join(lines_of(folder / "cpu.max")).split(), "", ""][:2]
    if not quota:  # version 1
        quota = "".join(lines_of(folder / "cpu.cfs_quota_us"))
        period = "".join(lines_of(folder / "cpu.cfs_period_us"))
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return float("inf")
    return int(quota) / int(period)


def _file_number(subject: Subject, name: str) -> int | None:
    text = subject.text(f"proc/sys/kernel/{name}")
    return int(text) if text.isdecimal() else None


def _text(limit: int | None) -> str:
    return "unlimited" if limit is None else str(limit)
