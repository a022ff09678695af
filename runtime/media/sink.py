"""Opening a file that results are written to."""

import os
from pathlib import Path
from typing import Final, Protocol

from actors import ANY_KIND, Data, Kind

from .audio_sink import AudioSink
from .av_library import load_av
from .av_output import AV_AUDIO_SUFFIXES, AvAudioWriter, can_write_image
from .byte_output import STDOUT, ByteOutput, create_bytes
from .errors import MediaError
from .file_kind import SUBTITLE_SUFFIXES, WAVE_SUFFIXES, FileKind
from .film_formats import FILM_SUFFIXES
from .film_sink import BOTH, FilmSink
from .image_sink import ImageSink
from .line_sink import LineSink
from .subtitle_sink import SubtitleSink
from .wave_output import WaveWriter

MEDIA_SUFFIXES: Final = tuple(sorted(WAVE_SUFFIXES | AV_AUDIO_SUFFIXES | FILM_SUFFIXES))
"""The suffixes of files of audio and video that are written."""

_LINES: Final = frozenset({Kind.TEXT, Kind.JSON})
_KNOWN: Final = (
    ".wav, .flac, .mp3, .ogg, .opus, .m4a, .aac for audio; .mp4, .mov, .mkv, .webm, .ts for video "
    "and audio; .txt for text; .srt for subtitles; .jsonl for everything, as JSON lines; .png, "
    ".jpg, .bmp, .webp for images"
)


class Sink(Protocol):
    """Where results are written. Writing may block on a pipe: do it in a worker thread.

    Attributes:
        name: for messages.
        accepts: the kinds that it can write; the caller keeps others away.
    """

    name: str
    accepts: frozenset[Kind]

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Write one result.

        Raises:
            MediaError: it does not fit to what was written before, or the disk is full.
            ReaderGoneError: the reader of the pipe has closed it.
            InterruptedReadError: `interrupt` was called while the pipe was full.
        """

    def flush(self) -> None:
        """Pass everything that was written to the system, so that readers get it."""

    def interrupt(self) -> None:
        """End a write that waits, from any thread; later ones that would wait end too."""

    def close(self) -> None:
        """Complete the file and close it."""


def kinds_written(path: str, kind: FileKind | None = None) -> frozenset[Kind]:
    """Return the kinds of data that a sink for that path accepts; create nothing.

    Raises:
        MediaError: the suffix is not known.
    """
    match _kind_of(path, _suffix(path)) if kind is None else kind:
        case FileKind.AUDIO:
            return AudioSink.accepts
        case FileKind.VIDEO:
            return FilmSink.accepts
        case FileKind.IMAGE:
            return ImageSink.accepts
        case FileKind.SUBTITLES:
            return SubtitleSink.accepts
        case FileKind.LINES | FileKind.TEXT if path != STDOUT:
            return _LINES
        case _:
            return ANY_KIND


def open_sink(
    path: str,
    *,
    kind: FileKind | None = None,
    stdout: int = 1,
    expects: frozenset[Kind] = ANY_KIND,
    file: ByteOutput | None = None,
) -> Sink:
    """Create a file for results; an existing one is overwritten.

    Args:
        path: its suffix decides how to write; "-" is standard output, as lines of text and JSON;
            "frame-%04d.png" numbers the images from 1.
        kind: AUDIO (WAV), VIDEO (Matroska, with audio), LINES (text and JSON), JSON_LINES
            (everything), SUBTITLES or IMAGE, where the path does not decide.
        stdout: the file descriptor that stands for standard output.
        expects: the kinds that may come: a film waits for its audio only if there may be any.
        file: what to write to, in place of the file of that path; no image.

    Raises:
        MediaError: the file cannot be created, or the suffix is not known.
        MissingExtraError: it needs PyAV, which is not installed.
    """
    suffix = _suffix(path)
    kind = _kind_of(path, suffix) if kind is None else kind
    if kind is FileKind.IMAGE:
        return ImageSink(path, suffix)
    is_encoded = kind is FileKind.AUDIO and suffix in AV_AUDIO_SUFFIXES
    is_film = kind is FileKind.VIDEO or (kind is FileKind.AUDIO and suffix in FILM_SUFFIXES)
    if is_encoded or is_film:
        load_av(path)  # before an existing file is emptied
    if file is None:
        file = _opened(path, stdout)
    match kind:
        case FileKind.AUDIO | FileKind.VIDEO if is_film:
            return FilmSink(file, suffix, expects & BOTH)
        case FileKind.AUDIO:
            return AudioSink(file, AvAudioWriter(file, suffix) if is_encoded else WaveWriter(file))
        case FileKind.SUBTITLES:
            return SubtitleSink(file)
        case FileKind.JSON_LINES | FileKind.JSON:
            return LineSink(file, ANY_KIND, records=True)
        case _:
            return LineSink(file, kinds_written(path, kind), records=False)


def _suffix(path: str) -> str:
    return "" if path == STDOUT else Path(path).suffix.lower()


def _kind_of(path: str, suffix: str) -> FileKind:
    if path == STDOUT or suffix in (".txt", ".text"):
        return FileKind.LINES
    if suffix in (".jsonl", ".ndjson"):
        return FileKind.JSON_LINES
    if suffix in SUBTITLE_SUFFIXES:
        return FileKind.SUBTITLES
    if suffix in WAVE_SUFFIXES | AV_AUDIO_SUFFIXES:
        return FileKind.AUDIO
    if suffix in FILM_SUFFIXES:
        return FileKind.VIDEO
    if can_write_image(suffix):
        return FileKind.IMAGE
    if path.startswith("/dev/"):
        return FileKind.LINES
    what = f"files of type {suffix} cannot be written" if suffix else "its name has no suffix"
    raise MediaError(f"{path}: {what}; known are {_KNOWN}")


def _opened(path: str, stdout: int) -> ByteOutput:
    if path == STDOUT:
        return ByteOutput(os.dup(stdout), "stdout")
    return create_bytes(path)
