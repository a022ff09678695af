"""The control channel of a worker: messages over a pair of sockets, both ways."""

import pickle
import socket
import struct
from collections import deque
from typing import Any, Final, Generic, TypeVar

import trio

_LENGTH: Final = struct.Struct("<I")
_READ_BYTES: Final = 64 * 1024

Sent = TypeVar("Sent")
Received = TypeVar("Received")


class ChannelEndedError(Exception):
    """The process at the other end has ended."""


class Channel(Generic[Sent, Received]):
    """One end of the channel.

    Nobody else can reach it: the socket is inherited by the worker alone. So messages are pickled.
    What waits to be sent has no bound of its own: both sides send a few messages for each session,
    of which there is a limited number, and one for each question that waits for its answer.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._waiting: deque[Sent] = deque()
        self._changed = trio.Event()
        self._received = bytearray()

    def put(self, message: Sent) -> None:
        """Send a message as soon as possible, after those that wait."""
        self._waiting.append(message)
        self._changed.set()

    async def send_waiting(self) -> None:
        """Send what is put, until cancelled.

        Raises:
            ChannelEndedError: the other side has ended.
        """
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            while self._waiting:
                body = pickle.dumps(self._waiting.popleft(), pickle.HIGHEST_PROTOCOL)
                try:
                    await self._stream.send_all(_LENGTH.pack(len(body)) + body)
                except trio.BrokenResourceError as error:
                    raise ChannelEndedError("the other end is closed") from error

    async def receive(self) -> Received:
        """Return the next message.

        Raises:
            ChannelEndedError: the other side has ended.
        """
        (length,) = _LENGTH.unpack(await self._take(_LENGTH.size))
        message: Any = pickle.loads(await self._take(length))  # noqa: S301 (of the other end alone)
        received: Received = message
        return received

    async def close(self) -> None:
        """Close this end."""
        await trio.aclose_forcefully(self._stream)

    async def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError as error:
                raise ChannelEndedError("the other end is closed") from error
            if not data:
                raise ChannelEndedError("the other end is closed")
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken
