"""The mcap library, which is an extra: imported when a recording is written or read."""

from importlib import import_module
from types import ModuleType

from .errors import RecordingError


def mcap_module(name: str) -> ModuleType:
    """Return a module of the library.

    Raises:
        RecordingError: it is not installed.
    """
    return _module(f"mcap.{name}")


def zstandard_module() -> ModuleType:
    """Return the library that compresses.

    Raises:
        RecordingError: it is not installed.
    """
    return _module("zstandard")


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise RecordingError(
            "recordings need the extra `record`: pip install 'millrace-runtime[record]'"
        ) from error
