"""What ran out when the system refuses a descriptor, a process or memory: with the figures."""

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

_CGROUP_ROOT: Final = Path("/sys/fs/cgroup")


def exhausted_resource(number: int) -> str:
    """Return what ran out and what to do, for an errno; empty if it stands for another error.

    Args:
        number: the errno of a system call that makes descriptors, processes or memory.
    """
    match number:
        case errno.EMFILE:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            return (
                f"{_open_descriptors(soft)} of {soft} file descriptors are in use; raise the limit "
                f"(ulimit -n, LimitNOFILE; the hard limit is {hard}) or run fewer sessions at once"
            )
        case errno.ENFILE:
            return f"the machine has no file descriptor left ({_read('/proc/sys/fs/file-nr')})"
        case errno.EAGAIN:
            return f"no process is left: {_process_limits()}; run fewer nodes with processes"
        case errno.ENOMEM:
            return f"no memory is left: {_available_memory()}; run fewer sessions at once"
        case errno.ENOSPC:
            return "no space is left on the device"
    return ""


def _open_descriptors(soft: int) -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # reading the folder takes a descriptor too
        return soft


def _process_limits() -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    user = "no limit" if soft == resource.RLIM_INFINITY else str(soft)
    limits = [f"the user's limit is {user} (ulimit -u)"]
    with suppress(OSError, IndexError):
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
        folder = _CGROUP_ROOT / group
        most, used = _read(folder / "pids.max"), _read(folder / "pids.current")
        limits.append(f"the control group has {used} of {most}")
    limits.append(f"the machine's limit is {_read('/proc/sys/kernel/pid_max')}")
    return ", ".join(limits)


def _available_memory() -> str:
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return f"the machine has {int(line.split()[1]) * 1024} bytes available"
    return "the machine does not tell how much it has"


def _read(path: str | Path) -> str:
    return " ".join(Path(path).read_text().split())
