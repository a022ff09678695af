"""Writes a recording as an MCAP file. Blocking: it runs in a worker thread."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..wire import DataChunk, descriptor_set
from ..wire.codec import Codec
from .errors import RecordingError
from .items import SCHEMA_ENCODING, SCHEMA_NAME, RecordedItem, Side, topic_of
from .mcap_library import mcap_module

PROFILE: Final = "millrace"
MANIFEST: Final = "manifest"
"""Metadata written first: the session and its manifest."""

END: Final = "end"
"""Metadata written last: how the session ended, and what the recording lost."""

# A killed server leaves a file that reads to its last complete chunk: so much may be missing, or
# what came in the last second.
_CHUNK_BYTES: Final = 1024 * 1024
_FLUSH_SECONDS: Final = 1.0


class RecordingWriter:
    """One MCAP file.

    Attributes:
        written_bytes: the size of the file so far.

    Raises:
        RecordingError: the file cannot be written, or the library is missing.
    """

    def __init__(self, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
        library = mcap_module("writer")
        self._path = Path(path)
        self._codec = Codec()
        self._channels: dict[tuple[str, Side], int] = {}
        self._counts: dict[int, int] = {}
        self._flushed_at = time.monotonic()
        try:
            self._file: BinaryIO = open(self._path, "wb")  # noqa: SIM115 (`close` closes it)
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error
        try:
            self._writer: Any = library.Writer(self._file, chunk_size=_CHUNK_BYTES)
            self._writer.start(profile=PROFILE, library="millrace")
            self._schema = self._writer.register_schema(
                name=SCHEMA_NAME, encoding=SCHEMA_ENCODING, data=descriptor_set()
            )
            self._writer.add_metadata(MANIFEST, dict(metadata))
            self._flush()
        except BaseException:
            self._file.close()
            raise

    @property
    def written_bytes(self) -> int:
        """The size of the file so far."""
        return self._file.tell()

    def add(
        self, node_id: str, side: Side, chunk: DataChunk, *, time_ns: int, entered_ns: int
    ) -> None:
        """Write one item.

        Raises:
            RecordingError: the disk is full, or the like.
        """
        self.add_body(node_id, side, self._codec.encode(chunk), time_ns, entered_ns)

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
        channel = self._channel(node_id, side)
        count = self._counts[channel] = self._counts[channel] + 1
        try:
            self._writer.add_message(
                channel_id=channel,
                log_time=time_ns,
                publish_time=entered_ns,
                sequence=count % 2**32,
                data=body,
            )
            if time.monotonic() - self._flushed_at >= _FLUSH_SECONDS:
                self._flush()
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error

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
            self._writer.add_metadata(END, dict(metadata))
            self._writer.finish()
            self._file.flush()
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {_reason(error)}") from error
        finally:
            self._file.close()

    def _flush(self) -> None:
        self._writer.flush()
        self._file.flush()
        self._flushed_at = time.monotonic()

    def _channel(self, node_id: str, side: Side) -> int:
        channel = self._channels.get((node_id, side))
        if channel is None:
            channel = self._writer.register_channel(
                schema_id=self._schema,
                topic=topic_of(node_id, side),
                message_encoding=SCHEMA_ENCODING,
            )
            self._channels[node_id, side] = channel
            self._counts[channel] = 0
        return channel


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
