"""The recordings in the operator's folder."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIX: Final = ".mcap"
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording of a session.

    Attributes:
        ended_ms: when it was last written, in milliseconds since 1970.
    """

    name: str
    path: Path
    size_bytes: int
    ended_ms: int


def recordings_of(folder: Path | None) -> list[RecordingFile]:
    """Return the last 1000 recordings, the newest first. It is work for a thread.

    Symbolic links are left out: they could lead out of the folder.
    """
    found: list[RecordingFile] = []
    if folder is None:
        return found
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_SUFFIX) and stat.S_ISREG(status.st_mode):
                    ended_ms = round(1000 * status.st_mtime)
                    found.append(
                        RecordingFile(entry.name, Path(entry.path), status.st_size, ended_ms)
                    )
    except OSError:  # there is no folder yet, or a file of it has just been removed
        pass
    return sorted(found, key=lambda each: each.ended_ms, reverse=True)[:_MOST]
