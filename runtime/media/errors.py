"""Errors of files that are read or written."""

from ..errors import CallerError


class MediaError(CallerError):
    """A file cannot be read or written, or its content is not valid; the message names the file."""


class CodecError(MediaError):
    """A library cannot decode or encode the content of a file."""


class MissingExtraError(MediaError):
    """A file needs a library that is not installed."""


class ReaderGoneError(Exception):
    """The reader of an output pipe has closed it, as `head` does; no fault."""


class InterruptedReadError(Exception):
    """`interrupt()` ended a read that waited for input, or a write that waited for its reader."""
