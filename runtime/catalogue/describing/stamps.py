"""Stamps of files, which change when a file changes."""

import zlib
from pathlib import Path

from .requests import Stamp


def stamp(path: Path) -> Stamp:
    """Return the stamp of a file, or of a folder's list of modules.

    Raises:
        OSError: it does not exist.
    """
    if path.is_dir():
        # Not the time of the folder, which changes with every cache of compiled code.
        names = sorted(each.name for each in path.glob("*.py"))
        return (0, zlib.crc32("\0".join(names).encode()))
    state = path.stat()
    return (state.st_mtime_ns, state.st_size)


def are_current(files: dict[str, Stamp]) -> bool:
    """Return whether no file has changed."""
    try:
        return all(stamp(Path(path)) == then for path, then in files.items())
    except OSError:
        return False
