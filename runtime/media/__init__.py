"""Files as streams of data items, and results as files; nothing here is asynchronous."""

from .errors import InterruptedReadError, MediaError, MissingExtraError, ReaderGoneError
from .file_kind import FileKind
from .sink import Sink, kinds_written, open_sink
from .source import Source, open_source

__all__ = [
    "FileKind",
    "InterruptedReadError",
    "MediaError",
    "MissingExtraError",
    "ReaderGoneError",
    "Sink",
    "Source",
    "kinds_written",
    "open_sink",
    "open_source",
]
