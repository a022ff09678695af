"""Where a peer connection may open its UDP socket. Private names of aioice are in use here only."""

import asyncio
import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiortc import RTCPeerConnection

# Datagrams that wait for the DTLS transport. Nobody reads them before the page has connected, but
# anybody may send some.
_WAITING_DATAGRAMS: Final = 256


@dataclass(frozen=True, slots=True)
class UdpPlace:
    """The address and the ports of the UDP sockets.

    Attributes:
        bound: IP address to bind.
        announced: IP address that the page is told; "" for the bound one.
        ports: to choose from; None for any.
    """

    bound: str
    announced: str = ""
    ports: range | None = None

    @classmethod
    def reached_at(cls, local: str, announced: str | None, ports: range | None) -> "UdpPlace":
        """Return the place for a page.

        Args:
            local: the server's end of the page's WebSocket.
            announced: by the operator. The server cannot know which of its own addresses that
                leads to, so it listens on all.
            ports: of the operator; None for any.
        """
        if not announced:
            return cls(local, "", ports)
        is_ipv4 = ipaddress.ip_address(announced).version == 4
        wildcard = "0.0.0.0" if is_ipv4 else "::"  # noqa: S104 (see above)
        return cls(wildcard, announced, ports)

    def restrict(
        self, connection: RTCPeerConnection, loop: asyncio.AbstractEventLoop
    ) -> list[asyncio.DatagramTransport]:
        """Have a peer connection with one stream, and a loop of its own, use this place only.

        Returns:
            the sockets that it opens, once it has.
        """
        (transceiver,) = connection.getTransceivers()
        ice: Any = transceiver.receiver.transport.transport.iceGatherer._connection
        gather, receive = ice.get_component_candidates, ice.data_received

        async def gather_here(component: int, addresses: list[str], timeout: int = 5) -> Any:  # noqa: ASYNC109
            return await gather(component, [self.bound], timeout)

        def receive_some(data: bytes, component: int) -> None:
            if ice._queue.qsize() < _WAITING_DATAGRAMS:
                receive(data, component)

        # The library would take every address of this machine, but no loopback address.
        ice.get_component_candidates = gather_here
        ice.data_received = receive_some
        opened: list[asyncio.DatagramTransport] = []
        create = self._bind_in_range(loop.create_datagram_endpoint, opened)
        loop.create_datagram_endpoint = create  # type: ignore[method-assign]
        return opened

    def announce(self, answer: str) -> str:
        """Return an answer with the announced address in place of the bound one."""
        if not self.announced:
            return answer
        lines = answer.splitlines()
        for index, line in enumerate(lines):
            if line.startswith(("a=candidate:", "c=")):
                words = [self.announced if w == self.bound else w for w in line.split(" ")]
                lines[index] = " ".join(words)
        return "\r\n".join([*lines, ""])

    def __str__(self) -> str:
        """Return the address and the ports."""
        if self.ports is None:
            return self.bound
        return f"{self.bound}, ports {self.ports.start} to {self.ports.stop - 1}"

    def _bind_in_range(
        self, create: Callable[..., Any], opened: list[asyncio.DatagramTransport]
    ) -> Callable[..., Any]:
        ports = range(1) if self.ports is None else self.ports

        async def create_in_range(factory: Any, local_addr: tuple[str, int], **more: Any) -> Any:
            for port in random.sample(ports, len(ports)):
                try:
                    made = await create(factory, local_addr=(local_addr[0], port), **more)
                except OSError as error:
                    refused = error
                else:
                    opened.append(made[0])
                    return made
            raise refused

        return create_in_range
