"""The mcap library, which is an extra: imported when a recording is written or read."""

from types import ModuleType

from .errors import RecordingError


def mcap_module(name: str) -> ModuleType:
    """Return a module of the library.

    Raises:
        RecordingError: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"mcap.{name}")
    except ImportError as error:
        raise RecordingError(
            "recordings need the extra `record`: pip install 'millrace-runtime[record]'"
        ) from error
