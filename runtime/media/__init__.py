"""Reads files as streams of data items, and writes results to files; nothing is asynchronous."""

from .errors import InterruptedReadError, MediaError, MissingExtraError, ReaderGoneError
from .file_kind import FileKind
from .raw_format import RawFormat
from .sink import Sink, kinds_written, open_sink
from .source import Source, open_source

__all__ = [
    "FileKind",
    "InterruptedReadError",
    "MediaError",
    "MissingExtraError",
    "RawFormat",
    "ReaderGoneError",
    "Sink",
    "Source",
    "kinds_written",
    "open_sink",
    "open_source",
]
