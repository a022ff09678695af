"""Reads bytes from a file, a pipe or a terminal; another thread can interrupt the wait."""

import io
import os
import select
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import InterruptedReadError, MediaError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STDIN: Final = "-"
"""The path that means standard input."""

_BUFFER_BYTES: Final = 64 * 1024


class ByteInput(io.RawIOBase):
    """The bytes of an open file descriptor, which it owns.

    A read waits until there are bytes, and returns those. `interrupt`, from any thread, ends a read
    that waits, and all later ones.

    Attributes:
        name: for messages.
        size_bytes: of a regular file; None where the size is not known.
        bytes_read: the position.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__()
        self.name = name
        # An interrupt after the close would write into a file that has the number by then.
        self._closing = threading.Lock()
        status = os.fstat(descriptor)
        self.size_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
        self.bytes_read = 0
        self._descriptor = descriptor
        self._head = b""
        self._wake_out, self._wake_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake_out, select.POLLIN)

    @property
    def is_live(self) -> bool:
        """Whether more may come later: a pipe or a terminal, and not a file."""
        return self.size_bytes is None

    @property
    def fraction(self) -> float | None:
        """How much of a regular file has been read, 0 to 1; None where the size is not known."""
        if self.size_bytes is None:
            return None
        return min(self.bytes_read / self.size_bytes, 1.0) if self.size_bytes else 1.0

    def interrupt(self) -> None:
        """End the read that waits, from any thread."""
        with self._closing:
            if not self.closed:
                os.write(self._wake_in, b"!")

    def put_back(self, head: bytes) -> None:
        """Put bytes back, to be read again before all others."""
        self._head = head + self._head
        self.bytes_read -= len(head)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether it is a regular file."""
        return self.size_bytes is not None

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move in a regular file."""
        if whence == os.SEEK_CUR:
            offset -= len(self._head)
        self._head = b""
        self.bytes_read = os.lseek(self._descriptor, offset, whence)
        return self.bytes_read

    def tell(self) -> int:
        """Return the position."""
        return self.bytes_read

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Wait for bytes, and return how many came; 0 at the end.

        Raises:
            InterruptedReadError: `interrupt` was called.
        """
        view = memoryview(buffer).cast("B")
        data, self._head = self._head[: len(view)], self._head[len(view) :]
        if not data:
            data = self._read(len(view))
        view[: len(data)] = data
        self.bytes_read += len(data)
        return len(data)

    def _read(self, most: int) -> bytes:
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            if self._wake_out in ready:
                raise InterruptedReadError
            try:
                return os.read(self._descriptor, most)
            except BlockingIOError:
                continue  # another process read it first
            except OSError as error:
                raise MediaError(f"{self.name}: cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Close the descriptor."""
        with self._closing:
            if not self.closed:
                for descriptor in (self._descriptor, self._wake_out, self._wake_in):
                    os.close(descriptor)
            super().close()


def open_bytes(path: str) -> ByteInput:
    """Open a file for reading, or standard input for "-".

    Raises:
        MediaError: there is no such file, or it may not be read.
    """
    if path == STDIN:
        try:
            return ByteInput(os.dup(0), "stdin")
        except OSError as error:
            raise MediaError("stdin: is closed; name a file with --input") from error
    try:
        # Does not wait for the writer of a named pipe: the first read does, and can be interrupted.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a null character in the name
        raise MediaError(f"{path!a}: cannot be read: {error}") from error
    if Path(path).is_dir():
        os.close(descriptor)
        raise MediaError(f"{path}: is a directory; name a file")
    return ByteInput(descriptor, path)


def buffered(source: ByteInput) -> io.BufferedReader:
    """Return a buffered reader, which owns the source."""
    reader: io.BufferedReader = io.BufferedReader(source, _BUFFER_BYTES)
    return reader
