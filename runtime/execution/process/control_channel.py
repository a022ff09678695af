"""The server's end of a node's control socket."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec
import trio

from .activity import SharedActivity
from .messages import (
    DESCRIPTORS_AT_ONCE,
    LENGTH,
    MAX_MESSAGE_BYTES,
    FromNode,
    HostStart,
    NodeSpec,
    framed,
)

_READ_BYTES: Final = 65536


class MalformedMessageError(ValueError):
    """What a process wrote to its control socket is no message."""


class ControlChannel:
    """Sends a node what to run, and messages; receives its messages.

    Attributes:
        activity: what its actor is doing.
        control: the socket.
    """

    def __init__(self, control: socket.socket, activity: SharedActivity) -> None:
        control.setblocking(False)
        self.activity = activity
        self.control = self._control = control
        self._received = bytearray()
        self._sending = trio.Lock()

    async def send_spec(self, spec: NodeSpec | HostStart, descriptors: Iterable[int]) -> None:
        """Say what to run, and pass the ends of its links.

        Raises:
            trio.BrokenResourceError: the process is gone.
        """
        passed = [self.activity.descriptor, *descriptors]
        try:
            await self._send_all(framed(spec))
            for start in range(0, len(passed), DESCRIPTORS_AT_ONCE):
                await self._pass(passed[start : start + DESCRIPTORS_AT_ONCE])
        except OSError as error:
            raise trio.BrokenResourceError from error
        self.activity.close_descriptor()

    async def receive(self) -> FromNode | None:
        """Return the process's next message, or None when it has closed its socket.

        Raises:
            MalformedMessageError: it wrote something else.
        """
        while True:
            message = self._buffered_message()
            if message is not None:
                return message
            try:
                await trio.lowlevel.wait_readable(self._control)
                data = self._control.recv(_READ_BYTES)
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
                await self._send_all(framed(message))

    async def pass_descriptor(self, descriptor: int) -> None:
        """Pass a descriptor to a host.

        Raises:
            OSError: it is gone.
        """
        async with self._sending:
            await self._pass([descriptor])

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

    async def _send_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._control.send(rest) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._control)

    async def _pass(self, descriptors: list[int]) -> None:
        while True:
            try:
                socket.send_fds(self._control, [b"d"], descriptors)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._control)
            else:
                return
