"""Writes a recording as an MCAP file. Blocking: it runs in a worker thread."""

import fcntl
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from ..wire import descriptor_set
from .errors import RecordingError
from .items import SCHEMA_ENCODING, SCHEMA_NAME, RecordedItem, Side, topic_of
from .mcap_file import McapFile

PROFILE: Final = "millrace"
MANIFEST: Final = "manifest"
"""Metadata written first: the session and its manifest."""

END: Final = "end"
"""Metadata written last: how the session ended, and what the recording lost."""

# A killed server leaves a file that reads to its last complete chunk: so much may be missing, or
# what came in the last second.
_CHUNK_BYTES: Final = 1024 * 1024
_FLUSH_SECONDS: Final = 1.0

Row = tuple[str, Side, bytes, int, int]
"""The arguments of `add_body`."""


class RecordingWriter:
    """One MCAP file.

    Attributes:
        written_bytes: the size of the file so far.

    Raises:
        RecordingError: the file cannot be written, or the library is missing.
    """

    def __init__(self, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
        self._path = Path(path)
        self._channels: dict[tuple[str, Side], int] = {}
        self._flushed_at = time.monotonic()
        try:
            self._file: BinaryIO = open(self._path, "wb")  # noqa: SIM115 (`close` closes it)
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error
        with suppress(OSError):
            # Until the end of this file: it tells who removes old recordings that this one grows.
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        try:
            self._writer = McapFile(self._file, PROFILE)
            self._schema = self._writer.add_schema(SCHEMA_NAME, SCHEMA_ENCODING, descriptor_set())
            self._writer.add_metadata(MANIFEST, metadata)
            self._flush()
        except BaseException:
            self._file.close()
            raise

    @property
    def written_bytes(self) -> int:
        """The size of the file so far."""
        return self._file.tell()

    def add_encoded(self, node_id: str, side: Side, item: RecordedItem) -> None:
        """Write an item of another recording.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        self.add_body(node_id, side, item.body, item.time_ns, item.entered_ns)

    def add_body(
        self, node_id: str, side: Side, body: bytes, time_ns: int, entered_ns: int
    ) -> None:
        """Write an item that is an encoded DataChunk.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        self._writer.add_message(self._channel(node_id, side), time_ns, entered_ns, body)
        if (
            self._writer.chunk_bytes > _CHUNK_BYTES
            or time.monotonic() - self._flushed_at >= _FLUSH_SECONDS
        ):
            self.flush()

    def write(self, rows: Iterable[Row]) -> None:
        """Write items as chunks of their own.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        for node_id, side, body, time_ns, entered_ns in rows:
            self._writer.add_message(self._channel(node_id, side), time_ns, entered_ns, body)
            if self._writer.chunk_bytes > _CHUNK_BYTES:
                self.flush()
        self.flush()

    def flush(self) -> None:
        """Write everything to the file.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        try:
            self._flush()
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error

    def close(self, metadata: Mapping[str, str]) -> None:
        """Write the end of the file, with its index.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        try:
            self._writer.add_metadata(END, metadata)
            self._writer.finish()
            self._file.flush()
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error
        finally:
            self._file.close()

    def _flush(self) -> None:
        self._writer.write_chunk()
        self._file.flush()
        self._flushed_at = time.monotonic()

    def _channel(self, node_id: str, side: Side) -> int:
        channel = self._channels.get((node_id, side))
        if channel is None:
            channel = self._channels[node_id, side] = self._writer.add_channel(
                self._schema, topic_of(node_id, side), SCHEMA_ENCODING
            )
        return channel


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
