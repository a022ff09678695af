"""PyAV, imported when a file needs it."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import MediaError, MissingExtraError


def load_av(name: str) -> Any:
    """Return the module `av`.

    Args:
        name: the file that needs it, for the message.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise MissingExtraError(
            f'{name}: needs PyAV, which is not installed: pip install "millrace-runtime[media]"'
        ) from error


@contextmanager
def av_faults(av: Any, name: str, doing: str) -> Iterator[None]:
    """Say an error of PyAV's as one of ours, with the file and what it was wanted for."""
    try:
        yield
    except av.error.FFmpegError as error:
        reason = error.strerror or str(error)
        raise MediaError(f"{name}: cannot be {doing}: {reason}") from error
