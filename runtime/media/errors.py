"""What goes wrong with files."""

from ..errors import CallerError


class MediaError(CallerError):
    """A file cannot be read or written, or does not hold what it should; the message says where."""


class MissingExtraError(MediaError):
    """A file needs a library that is not installed."""


class ReaderGoneError(Exception):
    """Whoever read the output has closed it: not a fault, as with `... | head`."""


class InterruptedReadError(Exception):
    """A read that waited for input was broken off by `interrupt()`."""
