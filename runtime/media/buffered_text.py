"""Text that is collected, and written to a file at once."""

from .byte_output import ByteOutput


class BufferedText:
    """The part of a sink that collects text between two flushes.

    Attributes:
        name: of the file, for messages.
    """

    def __init__(self, file: ByteOutput) -> None:
        self.name = file.name
        self._file = file
        self._waiting = bytearray()

    def add(self, text: str) -> None:
        """Add text to what waits."""
        self._waiting += text.encode()

    def flush(self) -> None:
        """Pass everything that was written to the system, so that readers get it."""
        data, self._waiting = self._waiting, bytearray()
        self._file.write_all(data)

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Write what waits, and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()
