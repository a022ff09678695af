"""Why iceoryx2 or the system refused to open a part of a link, in the user's terms."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from ...errors import SharedMemoryError
from ..machine_resources import exhausted_resource
from .specs import SEGMENTS

# What one step of opening a link takes at most. iceoryx2 gives them back when it fails, so that
# only as many at once show that there are not enough.
_DESCRIPTORS_PER_STEP: Final = 8
_INODES_PER_STEP: Final = 8
_BYTES_PER_STEP: Final = 128 * 1024
# Exceptions of the extension modules: of iceoryx2, and of a panic in it.
_FOREIGN: Final = ("iceoryx2", "pyo3_runtime")


@contextmanager
def refusals_explained(purpose: str) -> Iterator[None]:
    """Raise what iceoryx2 or a system call raises as the resource that ran out.

    Args:
        purpose: what is being opened, for the message.

    Raises:
        SharedMemoryError: it could not be opened.
    """
    try:
        yield
    except SharedMemoryError:
        raise
    except OSError as error:
        reason = exhausted_resource(error.errno or 0) or str(error)
        raise SharedMemoryError(f"{purpose} cannot be opened: {reason}") from error
    except BaseException as error:
        if not type(error).__module__.startswith(_FOREIGN):
            raise
        reason = _shortage() or f"iceoryx2 reports {error}"
        raise SharedMemoryError(f"{purpose} cannot be opened: {reason}") from error


def no_pages_left() -> str:
    """Return that shared memory ran out while it was written to, with what is left now."""
    return f"{SEGMENTS} had no page left when it was written to; it has {free_bytes()} bytes now"


def free_bytes() -> int:
    """Return the bytes that the machine's shared memory has left."""
    figures = os.statvfs(SEGMENTS)
    return figures.f_bavail * figures.f_frsize


def _shortage() -> str:
    """Return which resource is used up that opening a link takes; empty if none is."""
    try:
        with ExitStack() as probes:
            for _ in range(_DESCRIPTORS_PER_STEP):
                probes.callback(os.close, os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return exhausted_resource(error.errno or 0)
    figures = os.statvfs(SEGMENTS)
    if figures.f_files and figures.f_favail < _INODES_PER_STEP:
        return f"{SEGMENTS} has {figures.f_favail} of {figures.f_files} files left (df -i)"
    free = free_bytes()
    return f"{SEGMENTS} has {free} bytes left" if free < _BYTES_PER_STEP else ""
