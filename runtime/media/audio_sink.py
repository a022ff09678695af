"""A file of audio."""

import logging
from typing import Final, Protocol

from actors import Audio, Data, Kind

from .audio_format import AudioConverter, AudioFormat
from .byte_output import ByteOutput
from .errors import MediaError

_log = logging.getLogger("millrace.media")

# Later changes of format are converted as well, but a stream may change with every chunk.
_MOST_WARNINGS: Final = 3


class AudioWriter(Protocol):
    """Writes audio of one format into a file."""

    def begin(self, offered: AudioFormat) -> AudioFormat:
        """Begin the file, and return its format: the nearest to the offered one."""

    def write(self, audio: Audio) -> None:
        """Append a chunk of the file's format."""

    def finish(self) -> None:
        """Complete the file."""


class AudioSink:
    """A file of audio, of one node. A file has one format: what differs is converted to it."""

    accepts = frozenset({Kind.AUDIO})

    def __init__(self, file: ByteOutput, writer: AudioWriter) -> None:
        self.name = file.name
        self._file = file
        self._writer = writer
        self._node_id = ""
        self._last: AudioFormat | None = None
        self._converter: AudioConverter | None = None
        self._changes = 0

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Append a chunk of audio."""
        assert isinstance(data, Audio)
        offered = AudioFormat.of(data)
        if self._converter is None:
            self._node_id = node_id
            self._converter = AudioConverter(self._writer.begin(offered), self.name)
        elif offered != self._last:
            self._warn_of_change(offered)
        self._last = offered
        if node_id != self._node_id:
            raise MediaError(
                f"{self.name}: takes the audio of one node, and got it from {self._node_id!r} and "
                f"{node_id!r}; give each its own file with --output {node_id}=FILE"
            )
        try:
            for chunk in self._converter.convert(data):
                self._writer.write(chunk)
        except MediaError:
            self._file.discard()
            raise

    def flush(self) -> None:
        """Do nothing: audio is written as it comes."""

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Complete the file and close it."""
        try:
            if self._converter is not None:
                for chunk in self._converter.finish():
                    self._writer.write(chunk)
            self._writer.finish()
        except MediaError:
            self._file.discard()
            raise
        finally:
            self._file.close()

    def _warn_of_change(self, offered: AudioFormat) -> None:
        self._changes += 1
        if self._changes <= _MOST_WARNINGS:
            _log.warning(
                "%s: the audio of node %r changed from %s to %s; a file has one format, so it is "
                "converted%s",
                self.name,
                self._node_id,
                self._last,
                offered,
                "; later changes are not reported" if self._changes == _MOST_WARNINGS else "",
            )
