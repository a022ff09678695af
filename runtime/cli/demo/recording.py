"""Recordings in and out of the demonstration."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from actors import Audio

from ...errors import InputError
from ...media import FileKind, MediaError, open_sink, open_source

_GAP_SECONDS: Final = 0.4


def read_recording(path: Path) -> Audio:
    """Return a file of audio as one item.

    Raises:
        MediaError: it cannot be read.
        InputError: there is nothing in it.
    """
    with closing(open_source(str(path), kind=FileKind.AUDIO, chunk_seconds=1.0)) as source:
        parts = [item for item in source if isinstance(item, Audio) and item.frames]
    if not parts:
        raise InputError(f"{path} has no sound in it")
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].sample_rate)


def check_writable(path: Path) -> None:
    """Make sure that a file can be created; one that is there stays as it is.

    Raises:
        MediaError: it cannot.
    """
    is_new = not path.exists()
    try:
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_recording(path: Path, parts: Sequence[Audio]) -> None:
    """Write items to a file of audio; where the metadata changes, after a gap.

    Raises:
        MediaError: it cannot be written.
    """
    gap = Audio(
        np.zeros(int(parts[0].sample_rate * _GAP_SECONDS), np.float32), parts[0].sample_rate
    )
    with closing(open_sink(str(path), kind=FileKind.AUDIO)) as sink:
        before = parts[0]
        for sequence, part in enumerate(parts):
            if part.metadata != before.metadata:
                sink.write(gap, node_id="", sequence=sequence)
            sink.write(part, node_id="", sequence=sequence)
            before = part
