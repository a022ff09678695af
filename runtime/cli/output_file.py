"""Files that a command writes itself, such as pictures and profiles."""

import os
from pathlib import Path

from .errors import CommandError


def check_writable(path: Path) -> None:
    """Check that a file can be written, without any change: a new one does not exist afterwards.

    Pipes and devices are not checked: opening one may wait for its reader.

    Raises:
        CommandError: it cannot be written.
    """
    is_new = not os.path.lexists(path)
    if path.exists() and not path.is_file():
        return
    try:
        path.open("ab").close()
        if is_new:
            path.unlink()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def write_file(path: Path, text: str) -> None:
    """Write a text to a file; an existing one is overwritten.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        path.write_text(text, "utf-8")
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> CommandError:
    reason = getattr(error, "strerror", None) or error
    return CommandError(f"{path}: cannot be written: {reason}")
