"""What a file holds: by its name, by how it begins, and by what the pipeline accepts."""

import json
import re
from enum import Enum
from pathlib import Path
from typing import Final

from actors import Kind

from .byte_input import ByteInput
from .errors import MediaError


class FileKind(Enum):
    """How a file is read or written; the value is what the command line calls it."""

    AUDIO = "audio"
    LINES = "lines"
    TEXT = "text"
    JSON = "json"
    JSON_LINES = "jsonl"
    IMAGE = "image"
    VIDEO = "video"
    SUBTITLES = "srt"


NUMBERED: Final = re.compile(r"%(0\d+)?d")
"""The place of the number in the name of numbered files, such as frame-%04d.png."""

WAVE_SUFFIXES: Final = frozenset({".wav", ".wave"})
AUDIO_SUFFIXES: Final = WAVE_SUFFIXES | {
    *(".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff", ".aifc"),
    *(".wma", ".mka", ".caf", ".amr", ".au", ".ac3", ".mp2", ".w64", ".wv"),
}
VIDEO_SUFFIXES: Final = frozenset(
    {
        *(".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mts"),
        *(".m2ts", ".flv", ".wmv", ".3gp", ".ogv", ".gif"),
    }
)
IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
SUBTITLE_SUFFIXES: Final = frozenset({".srt"})

_KIND_BY_SUFFIX: Final = {
    **dict.fromkeys(AUDIO_SUFFIXES, FileKind.AUDIO),
    **dict.fromkeys(VIDEO_SUFFIXES, FileKind.VIDEO),
    **dict.fromkeys(IMAGE_SUFFIXES, FileKind.IMAGE),
    ".txt": FileKind.LINES,
    ".text": FileKind.LINES,
    **dict.fromkeys(SUBTITLE_SUFFIXES, FileKind.LINES),
    ".md": FileKind.TEXT,
    ".json": FileKind.JSON,
    ".jsonl": FileKind.JSON_LINES,
    ".ndjson": FileKind.JSON_LINES,
}

DATA_KINDS: Final = {
    FileKind.AUDIO: Kind.AUDIO,
    FileKind.LINES: Kind.TEXT,
    FileKind.TEXT: Kind.TEXT,
    FileKind.JSON: Kind.JSON,
    FileKind.JSON_LINES: Kind.JSON,
    FileKind.IMAGE: Kind.VIDEO,
    FileKind.VIDEO: Kind.VIDEO,
    FileKind.SUBTITLES: Kind.TEXT,
}
"""The kind of the items that a file of each kind gives."""

# How files begin: the first bytes, those at the second place, and the kind. The longest reach
# decides how much of a pipe must have come before its kind is known.
_SIGNATURES: Final = (
    (b"RIFF", b"WAVE", FileKind.AUDIO),
    (b"RIFF", b"WEBP", FileKind.IMAGE),
    (b"RIFX", b"WAVE", FileKind.AUDIO),
    (b"RF64", b"WAVE", FileKind.AUDIO),
    (b"BW64", b"WAVE", FileKind.AUDIO),
    (b"RIFF", b"AVI ", FileKind.VIDEO),
    (b"FORM", b"AIFF", FileKind.AUDIO),
    (b"FORM", b"AIFC", FileKind.AUDIO),
    (b"caff\x00\x01", b"", FileKind.AUDIO),
    (b"fLaC", b"", FileKind.AUDIO),
    (b"OggS", b"", FileKind.AUDIO),
    (b"ID3\x02", b"", FileKind.AUDIO),
    (b"ID3\x03", b"", FileKind.AUDIO),
    (b"ID3\x04", b"", FileKind.AUDIO),
    (b"\xff\xfb", b"", FileKind.AUDIO),
    (b"\xff\xfa", b"", FileKind.AUDIO),
    (b"\xff\xf3", b"", FileKind.AUDIO),
    (b"\xff\xf2", b"", FileKind.AUDIO),
    (b"\xff\xf1", b"", FileKind.AUDIO),
    (b"\xff\xf9", b"", FileKind.AUDIO),
    (b"\x89PNG\r\n\x1a\n", b"", FileKind.IMAGE),
    (b"\xff\xd8\xff", b"", FileKind.IMAGE),
    (b"GIF87a", b"", FileKind.VIDEO),
    (b"GIF89a", b"", FileKind.VIDEO),
    (b"\x1aE\xdf\xa3", b"", FileKind.VIDEO),
)
_SECOND_PLACE: Final = 8
_REACH: Final = 12
_LONGEST_FIRST_LINE: Final = 64 * 1024


def kind_by_name(path: str) -> FileKind | None:
    """Return the kind of a file by its suffix; None if the suffix is not known."""
    return _KIND_BY_SUFFIX.get(Path(path).suffix.lower())


def recognized(source: ByteInput, accepts: frozenset[Kind]) -> FileKind:
    """Return the kind of an open file by its first bytes, and leave it at its beginning.

    Args:
        source: at its beginning.
        accepts: the kinds of data that the pipeline accepts there; decides whether text is read as
            JSON, and if both are accepted, the first line decides.

    Raises:
        MediaError: it is none of the kinds.
    """
    head = _read_head(source)
    kind = _by_signature(head)
    if kind is None and not head.startswith(b"\x00") and head[4:8] != b"ftyp":
        line = head
        while b"\n" not in line.lstrip() and len(line) < _LONGEST_FIRST_LINE:
            more = source.read(4096)
            if not more:
                break
            line += more
        head, kind = line, _by_first_line(line, accepts)
    elif head[4:8] == b"ftyp":
        kind = FileKind.VIDEO
    source.put_back(head)
    if kind is None:
        raise MediaError(f"{source.name}: its kind is not known; name it with --input-kind")
    return media_kind(kind, accepts)


def media_kind(kind: FileKind, accepts: frozenset[Kind]) -> FileKind:
    """Return what to read from a file with audio and video: the audio, if it is accepted."""
    if kind is FileKind.VIDEO and (Kind.AUDIO in accepts or Kind.VIDEO not in accepts):
        return FileKind.AUDIO
    return kind


def _read_head(source: ByteInput) -> bytes:
    """Read until the beginning differs from all signatures, or is longer than they are."""
    head = b""
    while len(head) < _REACH and _may_become_signature(head):
        more = source.read(_REACH - len(head))
        if not more:
            break
        head += more
    return head


def _may_become_signature(head: bytes) -> bool:
    # An MP4 begins with a length of four bytes, the first of them 0, and then "ftyp".
    return head.startswith(b"\x00") or any(
        first.startswith(head[: len(first)]) or (bool(second) and head.startswith(first))
        for first, second, _ in _SIGNATURES
    )


def _by_signature(head: bytes) -> FileKind | None:
    for first, second, kind in _SIGNATURES:
        if head.startswith(first) and head[_SECOND_PLACE:].startswith(second):
            return kind
    return None


def _by_first_line(head: bytes, accepts: frozenset[Kind]) -> FileKind | None:
    if b"\x00" in head:
        return None
    line = head.strip().partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf")
    if Kind.JSON not in accepts:
        return FileKind.LINES
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        if Kind.TEXT in accepts:
            return FileKind.LINES
        # One value over several lines begins with a bracket that does not close on the first.
        return FileKind.JSON if line.startswith((b"{", b"[")) else FileKind.JSON_LINES
    return FileKind.JSON_LINES
