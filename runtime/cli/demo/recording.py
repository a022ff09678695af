"""Recordings that the demo reads and writes."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from actors import Audio

from ...errors import InputError
from ...media import FileKind, open_sink, open_source

_GAP_SECONDS: Final = 0.4


def read_recording(path: Path) -> Audio:
    """Return an audio file as one item.

    Raises:
        MediaError: it cannot be read.
        InputError: it contains no audio.
    """
    with closing(open_source(str(path), kind=FileKind.AUDIO, chunk_seconds=1.0)) as source:
        parts = [item for item in source if isinstance(item, Audio) and item.frames]
    if not parts:
        raise InputError(f"{path}: contains no audio")
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].sample_rate)


def write_recording(path: Path, parts: Sequence[Audio]) -> None:
    """Write items to an audio file, with a gap where the metadata changes.

    Raises:
        MediaError: the file cannot be written.
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
