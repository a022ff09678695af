"""What wakes the other end of a link through shared memory, and tells it how far this end is.

One Unix stream socketpair per reader. Towards the reader: a byte per published item, of which any
number may be read at once (one unread byte is enough to wake), and one that ends the stream.
Towards the producer: how many items and bytes were taken in all, so that a lost or late record
costs nothing. The end of file, without the ending byte before it, tells either side that the other
is gone.
"""

import socket
import struct
from typing import Final

import trio

from ..errors import PeerGoneError

_ITEM: Final = b"."
_END: Final = b"E"
_TAKEN: Final = struct.Struct("<QQ")
_READ_BYTES: Final = 4096


class Bell:
    """The producer's side of one doorbell."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        self.taken_items = 0
        self.taken_bytes = 0
        self.peer = peer
        self._sock = sock
        self._partial = b""

    def ring(self) -> None:
        """Tell the reader that an item was published.

        Raises:
            PeerGoneError: the reader is gone.
        """
        try:
            self._sock.send(_ITEM)
        except BlockingIOError:
            pass  # so many bells are unread that the reader wakes anyway
        except OSError as error:
            raise PeerGoneError(self.peer) from error

    async def ring_end(self) -> None:
        """Tell the reader that nothing more comes.

        Raises:
            PeerGoneError: the reader is gone.
        """
        while True:
            try:
                self._sock.send(_END)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
            except OSError as error:
                raise PeerGoneError(self.peer) from error
            else:
                return

    def read_taken(self) -> None:
        """Take note of what the reader has taken since.

        Raises:
            PeerGoneError: the reader is gone.
        """
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerGoneError(self.peer) from error
        if not data:
            raise PeerGoneError(self.peer)
        data = self._partial + data
        whole = len(data) - len(data) % _TAKEN.size
        if whole:
            self.taken_items, self.taken_bytes = _TAKEN.unpack_from(data, whole - _TAKEN.size)
        self._partial = data[whole:]

    async def wait_taken(self) -> None:
        """Wait until the reader has taken more.

        Raises:
            PeerGoneError: the reader is gone.
        """
        await trio.lowlevel.wait_readable(self._sock)
        self.read_taken()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class BellEar:
    """The reader's side of one doorbell.

    Attributes:
        ended: whether the producer has said that nothing more comes.
    """

    def __init__(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        self.ended = False
        self._sock = sock
        self._peer = peer

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the bell is rung."""
        return self._sock.fileno()

    def listen(self) -> None:
        """Read the bells.

        Raises:
            PeerGoneError: the producer is gone.
        """
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerGoneError(self._peer) from error
        if _END in data:
            self.ended = True
        elif not data and not self.ended:
            raise PeerGoneError(self._peer)

    def say_taken(self, items: int, payload_bytes: int) -> bool:
        """Tell the producer what was taken in all; return whether it could be told now."""
        try:
            return self._sock.send(_TAKEN.pack(items, payload_bytes)) == _TAKEN.size
        except BlockingIOError:
            return False
        except OSError:
            return True  # nobody is there to be told; the read side finds out

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
