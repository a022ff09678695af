"""The chunks that a server may not have taken yet."""

from collections import deque

from ..wire import STREAM_WINDOW_BYTES


class SentChunks:
    """The last chunks that were sent on one call, as encoded messages.

    HTTP/2 flow control bounds what a server has not read: no more than the window of a call was
    sent after it. So this keeps the messages in the last window of bytes, and one more that the
    server has read and not taken yet.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept: deque[bytes] = deque()
        self._bytes = 0

    def add(self, message: bytes) -> None:
        """Add a message that was sent."""
        self.count += 1
        self._kept.append(message)
        self._bytes += len(message)
        # The two oldest go on being kept while what follows the second one fits into the window.
        while len(self._kept) > 2 and (
            self._bytes - len(self._kept[0]) - len(self._kept[1]) >= STREAM_WINDOW_BYTES
        ):
            self._drop()

    def drop_taken(self, taken: int) -> None:
        """Forget the messages that the server has taken.

        Args:
            taken: how many of all that were sent.
        """
        while self._kept and self.count - len(self._kept) < taken:
            self._drop()

    def after(self, taken: int) -> list[bytes]:
        """Return the messages that the server has not taken, and will not.

        Raises:
            ValueError: a number of messages that cannot be.
        """
        kept_from = self.count - len(self._kept)
        if not kept_from <= taken <= self.count:
            raise ValueError(f"{taken} chunks taken, of {self.count}")
        return list(self._kept)[taken - kept_from :]

    def clear(self) -> None:
        """Forget all messages."""
        self._kept.clear()
        self._bytes = 0

    def _drop(self) -> None:
        self._bytes -= len(self._kept.popleft())
