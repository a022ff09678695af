"""The links through sockets of one session, and what an executor does to connect them."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from ..socket_spec import SocketLinkSpec
from .certificate import LinkCertificate
from .opening import Address, LinkSecret
from .reader import SocketReader
from .writer import SocketWriter
from .writing import writer_of


@dataclass(slots=True)
class SocketLink:
    """A link of a node behind a socket.

    Attributes:
        spec: for the end in the node's process.
        end: the other end, if it is in this process; None if another node behind a socket has it.
    """

    spec: SocketLinkSpec
    end: SocketReader | SocketWriter | None

    def attach(self, sock: socket.socket) -> None:
        """Connect the end in this process, which owns the socket from now on."""
        assert self.end is not None
        self.end.attach(sock)


@dataclass(slots=True)
class SocketEnds:
    """The links of a node behind a socket.

    The node's process listens. The server opens the links that have an end here; a process opens
    those to other nodes itself.

    Attributes:
        secret: opens every link of the session. The executor passes it to the node's process in a
            way that others cannot read.
        incoming: what the node reads.
        outgoing: what reads the node.
    """

    secret: LinkSecret
    _nodes: "SessionLinks" = field(repr=False)
    _node: str
    incoming: list[SocketLink] = field(default_factory=list)
    outgoing: list[SocketLink] = field(default_factory=list)

    @property
    def certificate(self) -> LinkCertificate:
        """That of the session, for executors that encrypt its links; made when first asked for.

        It is passed to the node's process as the secret is.

        Raises:
            ImportError: the package cryptography is not installed.
        """
        return self._nodes.certificate

    def report_address(self, address: Address) -> None:
        """Report where the node's process listens, for other nodes of the same executor."""
        self._nodes.report_address(self._node, address)

    async def addresses(self) -> dict[str, Address]:
        """Wait for the readers that the node's process opens links to; return their addresses."""
        readers = [link.spec.reader for link in self.outgoing if link.end is None]
        return {reader: await self._nodes.address_of(reader) for reader in readers}


class SessionLinks:
    """Every link through a socket of one session.

    Args:
        executors: for each node behind a socket, its executor: the nodes of one reach each other.
        spec: a link, of which the ids are replaced.
    """

    def __init__(self, executors: Mapping[str, str], spec: SocketLinkSpec) -> None:
        self._executors = executors
        self._spec = spec
        secret = LinkSecret.new()
        self._ends = {node: SocketEnds(secret, self, node) for node in executors}
        self._writers: list[SocketWriter] = []
        self._addresses: dict[str, Address] = {}
        self._reported = trio.lowlevel.ParkingLot()
        self._certificate: LinkCertificate | None = None

    @property
    def certificate(self) -> LinkCertificate:
        """That of the session, made when first asked for.

        Raises:
            ImportError: the package cryptography is not installed.
        """
        if self._certificate is None:
            self._certificate = LinkCertificate.new()
        return self._certificate

    def ends(self, node: str) -> SocketEnds:
        """Return the links of a node."""
        return self._ends[node]

    def join(self, producer: str, reader: str) -> bool:
        """Join two nodes that reach each other; return False if they do not."""
        if self._executors.get(producer) != self._executors.get(reader):
            return False
        spec = self._spec_of(producer, reader)
        self._ends[producer].outgoing.append(SocketLink(spec, None))
        self._ends[reader].incoming.append(SocketLink(spec, None))
        return True

    def open_writer(self, producer: str, reader: str) -> SocketWriter:
        """Return the end in this process of a link to a node."""
        spec = self._spec_of(producer, reader)
        writer = writer_of(spec)(spec)
        self._writers.append(writer)
        self._ends[reader].incoming.append(SocketLink(spec, writer))
        return writer

    def open_reader(self, producer: str, reader: str) -> SocketReader:
        """Return the end in this process of a link from a node."""
        end = SocketReader(self._spec_of(producer, reader))
        self._ends[producer].outgoing.append(SocketLink(end.spec, end))
        return end

    async def run(self) -> None:
        """Send what waits at the ends in this process, until cancelled."""
        async with trio.open_nursery() as nursery:
            for writer in self._writers:
                nursery.start_soon(writer.run)

    def report_address(self, node: str, address: Address) -> None:
        """Note where the process of a node listens."""
        self._addresses[node] = address
        self._reported.unpark_all()

    async def address_of(self, node: str) -> Address:
        """Return where the process of a node listens, when that is known."""
        while node not in self._addresses:
            await self._reported.park()
        return self._addresses[node]

    def _spec_of(self, producer: str, reader: str) -> SocketLinkSpec:
        return self._spec.between(producer, reader)
