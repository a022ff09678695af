"""An image file, or numbered ones."""

import re
from pathlib import Path

from actors import Data, Kind, Video

from .av_library import load_av
from .av_output import can_write_image, encode_image
from .byte_output import create_bytes
from .errors import MediaError
from .file_kind import NUMBERED


class ImageSink:
    """An image file, or numbered ones, each of one frame."""

    accepts = frozenset({Kind.VIDEO})

    def __init__(self, path: str, suffix: str) -> None:
        if not can_write_image(suffix):
            raise MediaError(f"{path}: images are written as .png, .jpg, .bmp or .webp files")
        load_av(path)
        self.name = path
        self._suffix = suffix
        self._is_numbered = NUMBERED.search(Path(path).name) is not None
        self._count = 0
        if not self._is_numbered:
            create_bytes(path).close()  # so that a failure is known before the start

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Write a frame to the next file."""
        assert isinstance(data, Video)
        self._count += 1
        if self._count > 1 and not self._is_numbered:
            stem = Path(self.name).stem
            raise MediaError(
                f"{self.name}: holds one image, and node {node_id!r} gives more; number them: "
                f"{stem}-%04d{self._suffix}"
            )
        file = create_bytes(self._path())
        try:
            file.write_all(encode_image(data, self._suffix, self.name))
        finally:
            file.close()

    def flush(self) -> None:
        """Do nothing: every image is complete."""

    def interrupt(self) -> None:
        """Do nothing: a write to a file does not wait."""

    def close(self) -> None:
        """Do nothing: every image is complete."""

    def _path(self) -> str:
        if not self._is_numbered:
            return self.name
        path = Path(self.name)
        return str(path.with_name(NUMBERED.sub(self._number, path.name, count=1)))

    def _number(self, place: re.Match[str]) -> str:
        return f"{self._count:{place[1] or ''}d}"
