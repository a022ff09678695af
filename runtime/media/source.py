"""A file as a stream of data items."""

import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from actors import ANY_KIND, Data, Kind

from .av_audio_input import read_av_audio
from .av_video_input import read_film, read_image
from .byte_input import STDIN, ByteInput, buffered, open_bytes
from .errors import MediaError
from .file_kind import DATA_KINDS, NUMBERED, FileKind, kind_by_name, media_kind, recognized
from .live_address import LiveAddress, live_address
from .live_source import LiveSource
from .raw_format import RawFormat
from .text_input import read_json_lines, read_text_lines, read_whole_json, read_whole_text
from .wave_input import WAVE_MAGIC, read_pcm, read_wave, read_wave_header


class Source(Protocol):
    """A file, a network stream or a device as an iterator of items. Close it when done.

    Iterating may block: do it in a worker thread. `interrupt`, from any other thread, ends that
    with InterruptedReadError: at once, or with the next packet of a network stream or a device,
    which may take up to 10 s.

    Attributes:
        name: for messages.
        kind: how it is read.
    """

    name: str
    kind: FileKind

    @property
    def gives(self) -> Kind:
        """The kind of its items."""

    @property
    def is_live(self) -> bool:
        """Whether more may come later."""

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1; None if the size is not known."""

    def check(self) -> None:
        """Read the first item ahead, unless that may have to wait for a writer.

        Raises:
            MediaError: no item can be read.
            MissingExtraError: it needs PyAV, which is not installed.
        """

    def __iter__(self) -> Iterator[Data]:
        """Yield the items; once."""

    def interrupt(self) -> None:
        """End a read that waits for input, from any thread."""

    def close(self) -> None:
        """Close the files."""


class FileSource:
    """A file, or several numbered ones, or a pipe."""

    def __init__(self, name: str, kind: FileKind, files: list[ByteInput], reader: "Reader") -> None:
        self.name = name
        self.kind = kind
        self._files = files
        self._items = _items(files, reader)
        self._first: Data | None = None

    @property
    def gives(self) -> Kind:
        """The kind of its items."""
        return DATA_KINDS[self.kind]

    @property
    def is_live(self) -> bool:
        """Whether more may come later: a pipe or a terminal, and not a file."""
        return any(file.is_live for file in self._files)

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1; None if the size is not known."""
        fractions = [file.fraction for file in self._files]
        known = [fraction for fraction in fractions if fraction is not None]
        return sum(known) / len(fractions) if len(known) == len(fractions) else None

    def check(self) -> None:
        """Read the first item ahead, unless that may have to wait for a writer.

        Raises:
            MediaError: no item can be read.
            MissingExtraError: it needs PyAV, which is not installed.
        """
        if not self.is_live:
            self._first = next(self._items, None)

    def __iter__(self) -> Iterator[Data]:
        """Yield the items; once."""
        if self._first is not None:
            yield self._first
        yield from self._items

    def interrupt(self) -> None:
        """End a read that waits for input, from any thread."""
        for file in self._files:
            file.interrupt()

    def close(self) -> None:
        """Close the files."""
        self._items.close()
        for file in self._files:
            file.close()


Reader = Callable[[io.BufferedReader, str, int], Iterator[Data]]
"""Reads the items of a file, given its name and its place among several."""


def open_source(
    path: str,
    *,
    kind: FileKind | None = None,
    raw: RawFormat | None = None,
    accepts: frozenset[Kind] = ANY_KIND,
    chunk_seconds: float = 0.02,
) -> Source:
    """Open a file, a network stream or a device as a stream of items.

    Args:
        path: of the file; "-" is standard input; "frame-%04d.png" is all images of such a name, in
            the order of their numbers; rtsp:// and http:// URLs are network streams; /dev/video0
            and alsa:NAME are devices.
        kind: how to read it; None decides by its name, or by its first bytes.
        raw: the format of audio without a header; overrides `kind`.
        accepts: the kinds of data that are accepted; decides between the audio and the video of a
            film, and between text and JSON where the file does not.
        chunk_seconds: the duration of a chunk of audio.

    Raises:
        MediaError: it cannot be read, or its kind is not known.
    """
    address = live_address(path)
    if address is not None:
        if raw is not None:
            raise MediaError(f"{address.name}: --input-format is for files and pipes")
        return LiveSource(address, _live_kind(path, address, kind, accepts), chunk_seconds)
    if raw is not None:
        return FileSource(path, FileKind.AUDIO, [open_bytes(path)], _raw_reader(raw, chunk_seconds))
    if kind in (None, FileKind.IMAGE) and NUMBERED.search(Path(path).name):
        numbered = _numbered_files(path)
        if numbered:
            return FileSource(
                path, FileKind.IMAGE, [open_bytes(each) for each in numbered], read_image
            )
    file = open_bytes(path)
    try:
        if kind is None and path != STDIN:
            kind = kind_by_name(path)
            kind = None if kind is None else media_kind(kind, accepts)
        if kind is None:
            kind = recognized(file, accepts)
        return FileSource(file.name, kind, [file], _reader(kind, chunk_seconds))
    except BaseException:
        file.close()
        raise


def _live_kind(
    path: str, address: LiveAddress, kind: FileKind | None, accepts: frozenset[Kind]
) -> FileKind:
    """Return what to read from an address: the audio, if it is accepted, except from a camera."""
    if kind is None:
        if address.is_device:
            return FileKind.AUDIO if path != address.target else FileKind.VIDEO
        named = kind_by_name(urlsplit(path).path)
        kind = media_kind(named or FileKind.VIDEO, accepts)
    if kind not in (FileKind.AUDIO, FileKind.VIDEO):
        raise MediaError(
            f"{address.name}: only audio and video are read from there, not {kind.value}; for "
            "others, download it first"
        )
    return kind


def _items(files: list[ByteInput], reader: Reader) -> Generator[Data, None, None]:
    for number, source in enumerate(files):
        with closing(buffered(source)) as file:
            yield from reader(file, source.name, number)


def _reader(kind: FileKind, chunk_seconds: float) -> Reader:
    match kind:
        case FileKind.AUDIO:
            return lambda file, name, _: _audio(file, name, chunk_seconds)
        case FileKind.LINES | FileKind.SUBTITLES:
            return lambda file, name, _: read_text_lines(file, name)
        case FileKind.TEXT:
            return lambda file, name, _: read_whole_text(file, name)
        case FileKind.JSON:
            return lambda file, name, _: read_whole_json(file, name)
        case FileKind.JSON_LINES:
            return lambda file, name, _: read_json_lines(file, name)
        case FileKind.IMAGE:
            return read_image
        case FileKind.VIDEO:
            return lambda file, name, _: read_film(file, name)


def _raw_reader(raw: RawFormat, chunk_seconds: float) -> Reader:
    return lambda file, name, _: read_pcm(
        file, raw.encoding, raw.sample_rate, raw.channels, name, chunk_seconds
    )


def _audio(file: io.BufferedReader, name: str, chunk_seconds: float) -> Iterator[Data]:
    if not (start := file.peek(4)[:4]):
        raise MediaError(f"{name}: is empty; expected sound")
    if start not in WAVE_MAGIC:
        return read_av_audio(file, name, chunk_seconds)
    form = read_wave_header(file, name)
    if form.encoding is not None:
        return read_wave(file, form, name, chunk_seconds)
    if not file.seekable():
        raise MediaError(
            f"{name}: a WAV file of format {form.tag} with {form.bits} bits cannot be read from a "
            "pipe; name the file"
        )
    file.seek(0)
    return read_av_audio(file, name, chunk_seconds)


def _numbered_files(path: str) -> list[str]:
    """Return the files whose names fit a pattern such as frame-%04d.png, by their numbers."""
    folder, name = Path(path).parent, Path(path).name
    place = NUMBERED.search(name)
    assert place is not None
    fitting = re.compile(
        re.escape(name[: place.start()]) + r"(\d+)" + re.escape(name[place.end() :])
    )
    try:
        found = [
            (int(match[1]), str(each))
            for each in folder.iterdir()
            if (match := fitting.fullmatch(each.name))
        ]
    except OSError:
        return []
    return [each for _, each in sorted(found)]
