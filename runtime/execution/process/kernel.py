"""What the kernel knows about a process: whether it is stopped, and why it was killed."""

from contextlib import suppress
from pathlib import Path
from typing import Final


def out_of_memory_kills() -> int:
    """Return how often the kernel's out-of-memory killer has struck on this machine.

    0 where it cannot be told.
    """
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def is_stopped(pid: int) -> bool:
    """Return whether a signal such as SIGSTOP has stopped a process; False if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


UNREPORTED: Final = 70
"""The exit status of a node's process that failed and could not report how."""


def exit_hint(
    status: int | None, signal_name: str, kills_before: int, max_memory_bytes: int
) -> str:
    """Return what may be behind the end of a node's process; empty if nothing is known.

    Args:
        status: with which it exited; None if a signal ended it.
        signal_name: the signal, which the runtime did not send.
        kills_before: `out_of_memory_kills()` when the process was started.
        max_memory_bytes: the process's limit; 0 if it had none.
    """
    if max_memory_bytes and status == UNREPORTED:
        return f"it could not tell why, and had a memory limit of {max_memory_bytes} bytes"
    if signal_name == "SIGKILL":
        if out_of_memory_kills() > kills_before:
            return "the kernel's out-of-memory killer struck meanwhile: probably this process"
        return "the runtime did not send it"
    if max_memory_bytes and signal_name in _ENDS_OF_UNCHECKED_ALLOCATIONS:
        return (
            f"it had a memory limit of {max_memory_bytes} bytes, and native code that does not "
            "check its allocations ends like this at a limit"
        )
    return ""


_ENDS_OF_UNCHECKED_ALLOCATIONS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGTRAP", "SIGILL")
