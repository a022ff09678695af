"""Whether a process runs."""

import psutil


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended may wait for init to reap it."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
