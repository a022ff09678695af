"""The server's end of a control socket: messages both ways."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
import trio

from ...links import send_all
from .messages import DESCRIPTORS_AT_ONCE, LENGTH, MAX_MESSAGE_BYTES, FromNode, framed

_READ_BYTES: Final = 65536


class MalformedMessageError(ValueError):
    """What a process wrote to its control socket is no message."""


class MessageSocket:
    """Sends messages to the process of a node, and receives its own. Whoever made it closes it.

    Args:
        sock: non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._received = bytearray()
        self._sending = trio.Lock()

    async def receive(self) -> FromNode | None:
        """Return the next message, or None when the other end has closed its socket.

        Raises:
            MalformedMessageError: it wrote something else.
        """
        while True:
            message = self._buffered_message()
            if message is not None:
                return message
            try:
                await trio.lowlevel.wait_readable(self.sock)
                data = self.sock.recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return None
            if not data:
                return None
            self._received += data

    async def send(self, message: msgspec.Struct) -> None:
        """Send a message; one to a process that is gone is lost."""
        async with self._sending:
            with suppress(OSError):
                await send_all(self.sock, framed(message))

    async def send_with(self, message: msgspec.Struct, descriptors: Sequence[int]) -> None:
        """Send the first message, and descriptors that belong to it.

        Raises:
            trio.BrokenResourceError: the process is gone.
        """
        try:
            await send_all(self.sock, framed(message))
            await self.pass_descriptors(descriptors)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def pass_descriptors(self, descriptors: Sequence[int]) -> None:
        """Pass descriptors of this process.

        Raises:
            OSError: the process is gone.
        """
        async with self._sending:
            for start in range(0, len(descriptors), DESCRIPTORS_AT_ONCE):
                await self._pass(descriptors[start : start + DESCRIPTORS_AT_ONCE])

    async def _pass(self, descriptors: Sequence[int]) -> None:
        while True:
            try:
                socket.send_fds(self.sock, [b"d"], descriptors)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self.sock)
            else:
                return

    def _buffered_message(self) -> FromNode | None:
        if len(self._received) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._received)
        if length > MAX_MESSAGE_BYTES:
            raise MalformedMessageError(f"a message of {length} bytes")
        end = LENGTH.size + length
        if len(self._received) < end:
            return None
        body = bytes(self._received[LENGTH.size : end])
        del self._received[:end]
        try:
            message: FromNode = msgspec.msgpack.decode(body, type=FromNode)
        except msgspec.MsgspecError as error:
            raise MalformedMessageError(str(error)) from error
        return message
