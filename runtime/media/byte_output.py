"""Writes bytes to a file or a pipe; another thread can interrupt the wait."""

import io
import logging
import os
import select
import stat
import threading
from typing import TYPE_CHECKING, Final

from .errors import InterruptedReadError, MediaError, ReaderGoneError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_log = logging.getLogger("millrace.media")

STDOUT: Final = "-"
"""The path that means standard output."""

INCOMPLETE: Final = ".incomplete"
"""What is added to the name of a file that could not be completed."""

# A pipe that is ready takes at least this many bytes without making its writer wait.
_SLICE_BYTES: Final = select.PIPE_BUF


class ByteOutput(io.RawIOBase):
    """Writes to an open file descriptor, which it owns.

    Attributes:
        name: for messages.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__()
        self.name = name
        # An interrupt after the close would write into a file that has the number by then.
        self._closing = threading.Lock()
        self._is_incomplete = False
        self._descriptor = descriptor
        self._is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._wake_out, self._wake_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._poll.register(self._wake_out, select.POLLIN)

    def interrupt(self) -> None:
        """End a write that waits for the reader of a pipe, from any thread."""
        with self._closing:
            if not self.closed:
                os.write(self._wake_in, b"!")

    @property
    def size_bytes(self) -> int:
        """The size of a regular file; 0 for a pipe."""
        return os.fstat(self._descriptor).st_size

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether it is a regular file."""
        return self._is_regular

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move in a regular file."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Return the position in a regular file."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of the bytes, and return how many.

        Raises:
            ReaderGoneError: the reader of the pipe has closed it.
            MediaError: the disk is full, or another error of the system.
            InterruptedReadError: `interrupt` was called while the pipe was full.
        """
        view = memoryview(data).cast("B")
        if not self._is_regular:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            if self._descriptor not in ready:
                raise InterruptedReadError
            view = view[:_SLICE_BYTES]
        try:
            return os.write(self._descriptor, view)
        except BrokenPipeError as error:
            raise ReaderGoneError(self.name) from error
        except BlockingIOError:
            return 0
        except OSError as error:
            raise MediaError(f"{self.name}: cannot be written: {error.strerror}") from error

    def write_all(self, data: "ReadableBuffer") -> None:
        """Write all of the bytes."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self.write(view) :]

    def discard(self) -> None:
        """Let `close` rename the file, because it is incomplete; a pipe or a device stays."""
        self._is_incomplete = self._is_regular

    def close(self) -> None:
        """Close the descriptor."""
        with self._closing:
            if not self.closed:
                if self._is_incomplete:
                    self._rename()
                for descriptor in (self._descriptor, self._wake_out, self._wake_in):
                    os.close(descriptor)
            super().close()

    def _rename(self) -> None:
        """Mark the file as incomplete in its name, unless that is the name of another by now."""
        try:
            mine, named = os.fstat(self._descriptor), os.lstat(self.name)
            if (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino):
                os.replace(self.name, self.name + INCOMPLETE)
                _log.warning("%s: is incomplete, and is now %s%s", *(self.name,) * 2, INCOMPLETE)
            else:  # a link, or standard output
                _log.warning("%s: is incomplete", self.name)
        except FileNotFoundError:
            return  # its owner calls it something else
        except OSError as error:
            _log.warning("%s: is incomplete, and stays: %s", self.name, error.strerror)


def create_bytes(path: str) -> ByteOutput:
    """Create a file, or empty an existing one.

    Raises:
        MediaError: it cannot be created.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return ByteOutput(os.open(path, flags, 0o666), path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror or error}") from error
    except ValueError as error:  # a null character in the name
        raise MediaError(f"{path!a}: cannot be written: {error}") from error
