"""Which links a session needs, and who gets which end."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from ..errors import SharedMemoryError
from .direct_run import DirectRun
from .errors import PeerError
from .inbox import Inbox, Reader
from .local_queue import LocalQueue
from .output import Output, Writer
from .relay import Relay
from .shared import (
    ChannelSpec,
    DomainSpec,
    DoorbellEnd,
    ReaderSpec,
    SharedEnds,
    WriterSpec,
    no_pages_left,
    open_doorbell,
    open_shared_ends,
    refusals_explained,
    share_bytes,
)
from .socket_spec import SocketLinkSpec
from .steps import steps_to_outlet
from .waiting import TrioWaiting

if TYPE_CHECKING:
    from .socket import SessionLinks, SocketEnds

INLET: Final = ""
"""The name of the session's own end, as a source and as a reader. No node id is empty."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait on each link.

    Attributes:
        capacity: in items.
        capacity_bytes: in bytes; one item always fits.
        drop_oldest: drop the oldest waiting item rather than slow the producer down.
    """

    capacity: int
    capacity_bytes: int
    drop_oldest: bool


@dataclass(slots=True)
class ProcessEnds:
    """What a node in a process of its own is given.

    Attributes:
        readers: one per incoming link, each with its doorbell.
        writer: the outgoing link, with a doorbell per reader; None if nobody reads.
    """

    domain: DomainSpec
    readers: list[tuple[ReaderSpec, DoorbellEnd]] = field(default_factory=list)
    writer: tuple[WriterSpec, list[DoorbellEnd]] | None = None


@dataclass(slots=True)
class LocalEnds:
    """What a node in this process is given."""

    inbox: Inbox
    output: Output


class Wiring:
    """Every link of one session: `connect` opens them, `close` lets go of all ends here.

    Attributes:
        outlet: where the items of all sinks arrive.
        direct: lets the readers in this process take an item at once.
        inlets: for each node, where the session puts chunks that enter there.
        elsewhere: the nodes whose ends are not in this process.
        bounds: of each link.

    Args:
        successors: for each node, the nodes that read it; a node that none reads is read by the
            session itself.
        in_processes: the nodes whose ends are in processes of this machine.
        behind_sockets: the nodes whose ends are behind sockets, each with its executor. Nodes of
            one executor reach each other; between all others, the server carries the items on.
        bounds: of each link.
        domain: the session's part of shared memory.
        on_fault: called if the machine has no page for what this process writes to the links, which
            cannot be relied on after that.
    """

    def __init__(
        self,
        successors: Mapping[str, Sequence[str]],
        *,
        in_processes: Collection[str],
        behind_sockets: Mapping[str, str] | None = None,
        bounds: Bounds,
        domain: DomainSpec,
        on_fault: Callable[[SharedMemoryError], None],
    ) -> None:
        self.direct = DirectRun()
        self.outlet = Inbox(direct=self.direct)
        self.inlets: dict[str, Output] = {}
        self.bounds = bounds
        self._domain = domain
        self._in_processes = frozenset(in_processes)
        self._behind_sockets = behind_sockets or {}
        self.elsewhere = self._in_processes.union(self._behind_sockets)
        self._sockets = self._open_sockets()
        self._relays: list[Relay] = []
        self._tasks = trio.CancelScope()
        self._exits = ExitStack()
        self._shared: SharedEnds | None = None
        self._on_fault = on_fault
        self._inboxes = {
            node: Inbox(direct=self.direct) for node in successors if node not in self.elsewhere
        }
        self._outputs: dict[str, Output] = {}
        self._in_processes_ends = {node: ProcessEnds(domain) for node in self._in_processes}
        self._successors = successors
        self._shared_bytes = 0
        self._steps = steps_to_outlet(successors)

    async def connect(self) -> None:
        """Open every link; others have a turn between two of them, since each takes half a ms.

        Raises:
            SharedMemoryError: there is no room for the links.
        """
        inlets: dict[str, tuple[str, Sequence[str]]] = {
            node: (f"in{index}", [node]) for index, node in enumerate(self._successors)
        }
        outputs: dict[str, tuple[str, Sequence[str]]] = {
            node: (f"out{index}", readers or [INLET])
            for index, (node, readers) in enumerate(self._successors.items())
        }
        links = [(INLET, *link) for link in inlets.values()]
        links += [(node, *link) for node, link in outputs.items()]
        self._shared_bytes = self._share_bytes(links)
        for node, link in inlets.items():
            self.inlets[node] = self._connect(INLET, *link)
            await trio.lowlevel.checkpoint()
        for node, link in outputs.items():
            self._outputs[node] = self._connect(node, *link)
            await trio.lowlevel.checkpoint()

    def local_ends(self, node: str) -> LocalEnds:
        """Return the ends of a node that runs in this process."""
        return LocalEnds(self._inboxes[node], self._outputs[node])

    def process_ends(self, node: str) -> ProcessEnds:
        """Return the ends for a node's own process; pass them, then call `close_passed_ends`."""
        return self._in_processes_ends[node]

    def socket_ends(self, node: str) -> "SocketEnds":
        """Return the links of a node behind a socket."""
        assert self._sockets is not None
        return self._sockets.ends(node)

    @property
    def dropped(self) -> int:
        """The number of items that were dropped before the server carried them on."""
        return sum(relay.dropped for relay in self._relays)

    @property
    def has_tasks(self) -> bool:
        """Whether `run` has something to do."""
        return self._sockets is not None

    async def run(self, on_peer_gone: Callable[[PeerError], Awaitable[None]]) -> None:
        """Carry items between links, and send what waits for sockets, until `stop` is called.

        Args:
            on_peer_gone: is called with what a link's end finds out about its other end.
        """
        assert self._sockets is not None
        with self._tasks:
            await self._run(self._sockets, on_peer_gone)

    def stop(self) -> None:
        """End `run`: every node has done its work."""
        self._tasks.cancel()

    async def _run(
        self, sockets: "SessionLinks", on_peer_gone: Callable[[PeerError], Awaitable[None]]
    ) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sockets.run)
            for relay in self._relays:
                nursery.start_soon(_run_relay, relay, on_peer_gone)

    def close_passed_ends(self, node: str) -> None:
        """Close this process's copies of what `node`'s process has now."""
        ends = self._in_processes_ends[node]
        for _, ear in ends.readers:
            ear.close()
        if ends.writer is not None:
            for bell in ends.writer[1]:
                bell.close()

    @property
    def most_waiting(self) -> int:
        """The number of items that may wait on all links together."""
        links = len(self._successors) + sum(len(each) or 1 for each in self._successors.values())
        return links * self.bounds.capacity

    def close(self) -> None:
        """Let go of every end in this process."""
        for node in self._in_processes:
            self.close_passed_ends(node)
        for relay in self._relays:
            relay.close()
        for output in (*self.inlets.values(), *self._outputs.values()):
            output.close()
        for inbox in (*self._inboxes.values(), self.outlet):
            inbox.close()
        self._exits.close()

    def _connect(self, producer: str, service: str, readers: Sequence[str]) -> Output:
        """Join `producer` to its readers; return its end if it is here."""
        if producer in self._behind_sockets:
            for place, reader in enumerate(readers):
                self._connect_socket(producer, f"{service}r{place}", reader)
            return Output()
        shared = self._sharing(producer, readers)
        sockets = [
            reader for reader in readers if reader in self._behind_sockets and reader not in shared
        ]
        here = [reader for reader in readers if reader not in (*shared, *sockets)]
        bounds = self.bounds
        ports = [
            self._inbox(reader).open_queue(
                source=producer,
                capacity=bounds.capacity,
                capacity_bytes=bounds.capacity_bytes,
                drop_oldest=bounds.drop_oldest,
                reader=reader,
            )
            for reader in here
        ]
        writers: list[Writer] = [self._socket_writer(producer, reader) for reader in sockets]
        if not shared:
            return Output(ports, writers)
        return self._connect_shared(producer, service, shared, ports, writers)

    def _connect_socket(self, producer: str, service: str, reader: str) -> None:
        """Join a node behind a socket to one reader."""
        assert self._sockets is not None
        if self._sockets.join(producer, reader):
            return
        end = self._sockets.open_reader(producer, reader)
        if reader in self._in_processes:
            self._relay(end, self._connect_shared(producer, service, [reader], [], []))
        else:
            self._add_reader(reader, end)

    def _socket_writer(self, producer: str, reader: str) -> Writer:
        assert self._sockets is not None
        return self._sockets.open_writer(producer, reader)

    def _add_reader(self, reader: str, end: Reader) -> None:
        """Let a reader read a link's end that is in this process."""
        if reader in self._behind_sockets:
            self._relay(end, Output(writers=[self._socket_writer(end.source, reader)]))
        else:
            self._inbox(reader).add_reader(end)

    def _relay(self, end: Reader, output: Output) -> None:
        self._relays.append(Relay(end, output))

    def _open_sockets(self) -> "SessionLinks | None":
        # Only a session with a node behind a socket pays for them.
        if not self._behind_sockets:
            return None
        from .socket import SessionLinks

        bounds = self.bounds
        spec = SocketLinkSpec(
            INLET,
            INLET,
            bounds.capacity,
            bounds.capacity_bytes,
            max(self._domain.budget_bytes, 1),
            bounds.drop_oldest,
        )
        return SessionLinks(self._behind_sockets, spec)

    def _connect_shared(
        self,
        producer: str,
        service: str,
        readers: Sequence[str],
        ports: list[LocalQueue],
        writers: list[Writer],
    ) -> Output:
        room = self._shared_bytes
        channel = self._channel(service, readers)
        reader_spec = ReaderSpec(channel, producer, room)
        writer_spec = WriterSpec(channel, tuple(readers), room)
        with refusals_explained(f"a link of {producer or 'the client'}"):
            return self._open_shared(producer, reader_spec, writer_spec, ports, writers)

    def _open_shared(
        self,
        producer: str,
        reader_spec: ReaderSpec,
        writer_spec: WriterSpec,
        ports: list[LocalQueue],
        writers: list[Writer],
    ) -> Output:
        shared = self._shared_ends()
        # Created here, so that the children only ever open it: nobody races for the creation.
        shared.create_channel(writer_spec.channel)
        bells: list[DoorbellEnd] = []
        for position, reader in enumerate(writer_spec.peers, 1):
            bell, ear = open_doorbell()
            # Who has an end closes it, and once more does nothing: this is for ends that nobody
            # got, because a later step failed.
            self._exits.callback(bell.close)
            self._exits.callback(ear.close)
            bells.append(bell)
            spec = msgspec.structs.replace(reader_spec, position=position)
            if reader in self._in_processes:
                self._in_processes_ends[reader].readers.append((spec, ear))
            else:
                self._add_reader(reader, shared.open_reader(spec, ear))
        if producer in self._in_processes:
            self._in_processes_ends[producer].writer = (writer_spec, bells)
            return Output(ports)
        return Output(ports, [shared.open_writer(writer_spec, bells, TrioWaiting()), *writers])

    def _share_bytes(self, links: Sequence[tuple[str, str, Sequence[str]]]) -> int:
        """Return what may wait on each shared link."""
        channels = [
            self._channel(service, shared)
            for producer, service, readers in links
            for shared in self._shared_parts(producer, readers)
        ]
        if not channels:
            return self.bounds.capacity_bytes
        return share_bytes(self._domain, channels, self.bounds.capacity_bytes)

    def _shared_parts(self, producer: str, readers: Sequence[str]) -> list[list[str]]:
        """Return the readers of each channel through shared memory that a producer has."""
        shared = self._sharing(producer, readers)
        if producer in self._behind_sockets:  # the server carries the items to each reader
            return [[reader] for reader in shared]
        return [shared] if shared else []

    def _sharing(self, producer: str, readers: Sequence[str]) -> list[str]:
        """Return the readers that a producer reaches through shared memory."""
        if producer in self._in_processes:
            return list(readers)
        return [reader for reader in readers if reader in self._in_processes]

    def _channel(self, service: str, readers: Sequence[str]) -> ChannelSpec:
        bounds = self.bounds
        steps = max(self._steps.get(reader, 0) for reader in readers)
        return ChannelSpec(service, len(readers), bounds.capacity, steps, bounds.drop_oldest)

    def _shared_ends(self) -> SharedEnds:
        # Only a session with a node elsewhere pays for iceoryx2.
        if self._shared is None:
            token = trio.lowlevel.current_trio_token()

            def tell() -> None:
                with suppress(trio.RunFinishedError):
                    token.run_sync_soon(self._report_fault)

            self._domain.create()
            ends = open_shared_ends(self._domain, tell)
            self._shared = self._exits.enter_context(ends)
        return self._shared

    def _report_fault(self) -> None:
        self._on_fault(SharedMemoryError(no_pages_left()))

    def _inbox(self, reader: str) -> Inbox:
        return self.outlet if reader == INLET else self._inboxes[reader]


async def _run_relay(relay: Relay, on_peer_gone: Callable[[PeerError], Awaitable[None]]) -> None:
    try:
        await relay.run()
    except PeerError as error:
        await on_peer_gone(error)
