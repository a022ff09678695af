"""A file that results are written to."""

import os
import re
from pathlib import Path
from typing import Final, Protocol

from actors import ANY_KIND, Audio, Data, Json, Kind, Text, Video

from .as_json import as_record, json_line, one_line
from .av_library import load_av
from .av_output import AV_AUDIO_SUFFIXES, AvAudioWriter, can_write_image, encode_image
from .byte_output import STDOUT, ByteOutput, create_bytes
from .errors import MediaError
from .file_kind import WAVE_SUFFIXES, FileKind
from .wave_output import WaveWriter

_NUMBERED: Final = re.compile(r"%(0\d+)?d")
_LINES: Final = frozenset({Kind.TEXT, Kind.JSON})
_KNOWN: Final = (
    ".wav, .flac, .mp3, .ogg, .opus, .m4a, .aac for audio; .txt for text; .jsonl for everything, "
    "as JSON lines; .png, .jpg, .bmp, .webp for images"
)


class Sink(Protocol):
    """Where results go. Writing may block on a pipe: do it in a worker thread.

    Attributes:
        name: for messages.
        accepts: the kinds that it can write; the caller keeps others away.
    """

    name: str
    accepts: frozenset[Kind]

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Write one result.

        Raises:
            MediaError: it does not go with what was written before, or the disk is full.
            ReaderGoneError: the other end of the pipe is closed.
            InterruptedReadError: `interrupt` was called while the pipe was full.
        """

    def flush(self) -> None:
        """Let a reader see everything that was written."""

    def interrupt(self) -> None:
        """End a write that waits, from any thread; later ones that would wait end too."""

    def close(self) -> None:
        """Complete the file and close it."""


def kinds_written(path: str, kind: FileKind | None = None) -> frozenset[Kind]:
    """Return the kinds of data that a sink of that path would take; nothing is created.

    Raises:
        MediaError: nothing is written to files of such a name.
    """
    match _kind_of(path, _suffix(path)) if kind is None else kind:
        case FileKind.AUDIO:
            return AudioSink.accepts
        case FileKind.IMAGE:
            return ImageSink.accepts
        case FileKind.LINES | FileKind.TEXT if path != STDOUT:
            return _LINES
        case _:
            return ANY_KIND


def open_sink(path: str, *, kind: FileKind | None = None, stdout: int = 1) -> Sink:
    """Create a file for results; one that is there is overwritten.

    Args:
        path: its suffix says how to write; "-" is standard output, as lines of text and JSON;
            "frame-%04d.png" numbers the images from 1.
        kind: AUDIO (WAV), LINES (text and JSON), JSON_LINES (everything) or IMAGE, where the path
            does not say.
        stdout: the file descriptor that stands for standard output.

    Raises:
        MediaError: the file cannot be created, or nothing is written to files of such a name.
        MissingExtraError: it needs PyAV, which is not installed.
    """
    suffix = _suffix(path)
    kind = _kind_of(path, suffix) if kind is None else kind
    if kind is FileKind.IMAGE:
        return ImageSink(path, suffix)
    encoded = kind is FileKind.AUDIO and suffix in AV_AUDIO_SUFFIXES
    if encoded:
        load_av(path)  # before a file is emptied for it
    file = _opened(path, stdout)
    match kind:
        case FileKind.AUDIO:
            return AudioSink(file, AvAudioWriter(file, suffix) if encoded else WaveWriter(file))
        case FileKind.JSON_LINES | FileKind.JSON:
            return LineSink(file, ANY_KIND, records=True)
        case _:
            return LineSink(file, kinds_written(path, kind), records=False)


class LineSink:
    """A line per result: a record of everything, or only the text or the JSON value itself.

    Without records, results that are neither text nor JSON are written as records all the same.
    """

    def __init__(self, file: ByteOutput, accepts: frozenset[Kind], *, records: bool) -> None:
        self.name = file.name
        self.accepts = accepts
        self._file = file
        self._records = records
        self._waiting = bytearray()

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Write one result."""
        if isinstance(data, Text) and not self._records:
            line = data.text.removesuffix("\n")
        elif isinstance(data, Json) and not self._records:
            line = one_line(data)
        else:
            line = json_line(
                as_record(data, node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
            )
        self._waiting += line.encode() + b"\n"

    def flush(self) -> None:
        """Let a reader see everything that was written."""
        data, self._waiting = self._waiting, bytearray()
        self._file.write_all(data)

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Write what waits, and close."""
        try:
            self.flush()
        finally:
            self._file.close()


class AudioSink:
    """A file of sound, of one node and of one format."""

    accepts = frozenset({Kind.AUDIO})

    def __init__(self, file: ByteOutput, writer: WaveWriter | AvAudioWriter) -> None:
        self.name = file.name
        self._file = file
        self._writer = writer
        self._node_id = ""
        self._form: tuple[int, int] | None = None

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Append a chunk of audio."""
        assert isinstance(data, Audio)
        form = (data.sample_rate, data.channels)
        if self._form is None:
            self._form, self._node_id = form, node_id
        if node_id != self._node_id:
            raise MediaError(
                f"{self.name}: takes the audio of one node, and got it from {self._node_id!r} and "
                f"{node_id!r}; give each a file of its own with --output {node_id}=FILE"
            )
        if form != self._form:
            raise MediaError(
                f"{self.name}: began with {_said(self._form)}, and node {node_id!r} now gives "
                f"{_said(form)}; a file has one format"
            )
        self._writer.write(data)

    def flush(self) -> None:
        """Do nothing: sound goes out as it comes."""

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Complete the file and close it."""
        try:
            self._writer.finish()
        finally:
            self._file.close()


class ImageSink:
    """An image file, or numbered ones, each of one frame."""

    accepts = frozenset({Kind.VIDEO})

    def __init__(self, path: str, suffix: str) -> None:
        if not can_write_image(suffix):
            raise MediaError(f"{path}: images are written as .png, .jpg, .bmp or .webp files")
        load_av(path)
        self.name = path
        self._suffix = suffix
        self._is_numbered = _NUMBERED.search(Path(path).name) is not None
        self._count = 0
        if not self._is_numbered:
            create_bytes(path).close()  # what cannot be created is to be known before the start

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
        """Do nothing: files do not make a writer wait."""

    def close(self) -> None:
        """Do nothing: every image is complete."""

    def _path(self) -> str:
        if not self._is_numbered:
            return self.name
        path = Path(self.name)
        return str(path.with_name(_NUMBERED.sub(self._number, path.name, count=1)))

    def _number(self, place: re.Match[str]) -> str:
        return f"{self._count:{place[1] or ''}d}"


def _suffix(path: str) -> str:
    return "" if path == STDOUT else Path(path).suffix.lower()


def _kind_of(path: str, suffix: str) -> FileKind:
    if path == STDOUT or suffix in (".txt", ".text"):
        return FileKind.LINES
    if suffix in (".jsonl", ".ndjson"):
        return FileKind.JSON_LINES
    if suffix in WAVE_SUFFIXES | AV_AUDIO_SUFFIXES:
        return FileKind.AUDIO
    if can_write_image(suffix):
        return FileKind.IMAGE
    if path.startswith("/dev/"):
        return FileKind.LINES
    said = f"no files of type {suffix} are written" if suffix else "its name has no suffix"
    raise MediaError(f"{path}: {said}; known are {_KNOWN}")


def _opened(path: str, stdout: int) -> ByteOutput:
    if path == STDOUT:
        return ByteOutput(os.dup(stdout), "stdout")
    return create_bytes(path)


def _said(form: tuple[int, int]) -> str:
    rate, channels = form
    return f"{rate} Hz in {channels} channel{'s' * (channels > 1)}"
