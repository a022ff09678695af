"""The control socket of a node, with what its actor is doing: the server's end."""

import socket
from collections.abc import Iterable

import msgspec

from .activity import SharedActivity
from .message_socket import MessageSocket
from .messages import FromNode, HostStart, NodeSpec


class NodeChannel:
    """What the server says to a node and hears of it, in a process of its own or in a host.

    Attributes:
        activity: what its actor is doing.
    """

    def __init__(self, control: socket.socket, activity: SharedActivity) -> None:
        control.setblocking(False)
        self.activity = activity
        self._control = control
        self._messages = MessageSocket(control)

    async def send_spec(self, spec: NodeSpec | HostStart, descriptors: Iterable[int]) -> None:
        """Say what to run, and pass the ends of its links.

        Raises:
            trio.BrokenResourceError: the process is gone.
        """
        await self._messages.send_with(spec, [self.activity.descriptor, *descriptors])
        self.activity.close_descriptor()

    async def receive(self) -> FromNode | None:
        """Return the node's next message, or None when its end of the socket is closed.

        Raises:
            MalformedMessageError: it wrote something else.
        """
        return await self._messages.receive()

    async def send(self, message: msgspec.Struct) -> None:
        """Send a message; one to a node that is gone is lost."""
        await self._messages.send(message)
