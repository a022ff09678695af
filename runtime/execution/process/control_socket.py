"""A node process's end of the socket to the server: messages both ways, besides the items."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from .messages import LENGTH, TO_NODE, FromNode, ToNode, framed

# Mostly a few bytes; the replacement of a video frame is megabytes.
_READ_BYTES: Final = 64 * 1024


class ControlSocket:
    """Sends and receives messages, one at a time in each direction.

    Attributes:
        is_answering: whether a message of the server is being handled.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.is_answering = False
        self._sock = sock
        self._turn = trio.Lock()

    def report(self, message: FromNode) -> bool:
        """Send at once, from synchronous code; a report that does not fit is left out.

        Returns:
            Whether it was sent.
        """
        if self._turn.locked():
            return False
        data = framed(message)
        try:
            sent = self._sock.send(data)
        except OSError:
            return False
        if sent < len(data):
            self._sock.setblocking(True)
            self._sock.sendall(data[sent:])
            self._sock.setblocking(False)
        return True

    def report_from_copy(self, message: FromNode) -> None:
        """Send from a forked copy of this process, whose socket is this process's too."""
        with suppress(OSError):
            self._sock.send(framed(message))

    async def send(self, message: FromNode) -> None:
        """Send, and wait for room; if the server is gone, do nothing."""
        data = memoryview(framed(message))
        async with self._turn:
            while data:
                try:
                    data = data[self._sock.send(data) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._sock)
                except OSError:
                    return  # the server is gone, and the end of its socket stops this process

    async def handle_messages(self, handle: Callable[[ToNode], Awaitable[None]]) -> None:
        """Handle each message of the server, until it closes the socket."""
        received = bytearray()
        while True:
            self.is_answering = False
            await trio.lowlevel.wait_readable(self._sock)
            self.is_answering = True
            try:
                data = self._sock.recv(_READ_BYTES)
            except OSError:
                data = b""
            if not data:
                return
            received += data
            while len(received) >= LENGTH.size:
                (length,) = LENGTH.unpack_from(received)
                if len(received) < LENGTH.size + length:
                    break
                body = bytes(received[LENGTH.size : LENGTH.size + length])
                del received[: LENGTH.size + length]
                await handle(TO_NODE.decode(body))
