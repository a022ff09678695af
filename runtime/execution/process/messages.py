"""Messages between the server and a node process, on the control socket."""

import logging
import os
import socket
import struct
from typing import Annotated, Any, Final

import msgspec
import trio

from actors import Actor, ModelEndpoint

from ...catalogue import ClassCode, checked_actor, load_actor
from ...errors import ErrorRecord
from ...links import Notice, SocketLinkSpec, receive_exactly
from ...links.shared import DomainSpec, ReaderSpec, WriterSpec
from ...tracing import NodeSpan, TraceSpec
from ..statistics import NodeStatistics
from .control_messages import ControlFromNode, ControlToNode
from .log_records import NodeRecord

# Params may have a whole grammar, errors a long traceback; no correct message is longer than this.
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
# The kernel passes at most 253 descriptors at once.
DESCRIPTORS_AT_ONCE: Final = 200
DESCRIPTORS_PER_DOORBELL: Final = 2

_MOST_SECONDS: Final = 86_400

CONTROL_LINK: Final = "control"
"""The name of the connection for control of a node behind a socket."""

PULSE_LINK: Final = "pulse"
"""The name of its connection for signs of life."""

LENGTH: Final = struct.Struct("<I")


class OutgoingLink(msgspec.Struct, frozen=True):
    """A link that a node behind a socket writes to.

    Attributes:
        link: the link.
        address: where its reader listens, which this process opens the link to; None if the other
            end opens it.
    """

    link: SocketLinkSpec
    address: tuple[str, int] | None = None


class SocketLinks(msgspec.Struct, frozen=True):
    """The links of a node behind a socket.

    Attributes:
        incoming: what it reads. The other end opens them.
        outgoing: what reads it.
        offset_ns: what its machine's monotonic clock is behind the server's.
    """

    incoming: list[SocketLinkSpec]
    outgoing: list[OutgoingLink]
    offset_ns: int = 0


class NodeSpec(msgspec.Struct, tag=True, frozen=True):
    """What a new process runs, or a host.

    Descriptors follow: the activity memory, the readers, the peers. In a host they are the activity
    memory, and the sockets of incoming and outgoing links.

    Attributes:
        target: "module:Class" of the actor.
        params: the checked parameters, as JSON.
        code: of its class, if this process cannot import it.
        sys_path: where the server finds modules; empty for another interpreter, which has its own.
        grace_seconds: how long cleaning up may take.
        max_memory_bytes: that the process may allocate for its node; 0 sets no limit.
        environment: variables that are set before the actor's module is imported.
        log_level: the lowest level of the records that the server's log takes.
        record_mark: begins the lines of its output that are records.
        trace: of the session; None if it is not traced.
        models: the endpoints that the node uses, with their keys: here, and never in arguments or
            in the environment.
        tools: the targets of the functions that its model may call.
        domain, readers, writer: the links of a node on the server's machine.
        socket_links: the links of a node behind a socket.
    """

    session_id: str
    node_id: str
    target: str
    params: bytes
    sys_path: list[str]
    grace_seconds: float
    domain: DomainSpec | None = None
    readers: list[ReaderSpec] = []
    writer: WriterSpec | None = None
    socket_links: SocketLinks | None = None
    max_memory_bytes: int = 0
    environment: dict[str, str] = {}
    log_level: int = logging.INFO
    record_mark: str = ""
    trace: TraceSpec | None = None
    models: dict[str, ModelEndpoint] = {}
    tools: dict[str, str] = {}
    code: ClassCode | None = None

    @property
    def readers_of_node(self) -> tuple[str, ...]:
        """The nodes that read this one."""
        if self.socket_links is not None:
            return tuple(filter(None, (each.link.reader for each in self.socket_links.outgoing)))
        return () if self.writer is None else tuple(filter(None, self.writer.peers))

    @property
    def descriptors(self) -> int:
        """How many descriptors follow, where any do: the activity memory, then those of links."""
        peers = len(self.writer.peers) if self.writer is not None else 0
        links = self.socket_links
        sockets = 0 if links is None else len(links.incoming) + len(links.outgoing)
        return 1 + DESCRIPTORS_PER_DOORBELL * (len(self.readers) + peers) + sockets

    def load_actor(self) -> type[Actor[Any]]:
        """Import the class of the actor, or load it from its code."""
        if self.code is None:
            return load_actor(self.target)
        return checked_actor(self.code.load(self.target), self.target)


class HostSpec(msgspec.Struct, tag=True, frozen=True):
    """What a new host runs, for many sessions; those with equal specifications may share one.

    One descriptor follows: the activity memory. Then each descriptor is a control socket, on which
    the NodeSpec of a node comes.

    Attributes:
        target, params, sys_path, code, max_memory_bytes, environment: as in `NodeSpec`.
        wait_seconds: how long the first item of a batch waits for those of other sessions.
    """

    target: str
    params: bytes
    sys_path: tuple[str, ...]
    wait_seconds: float
    code: ClassCode | None = None
    max_memory_bytes: int = 0
    environment: tuple[tuple[str, str], ...] = ()


class HostStart(msgspec.Struct, tag=True, frozen=True):
    """Makes a new process a host.

    Attributes:
        spec: what it runs.
        log_level, record_mark: as in `NodeSpec`.
    """

    spec: HostSpec
    log_level: int = logging.INFO
    record_mark: str = ""

    @property
    def descriptors(self) -> int:
        """How many descriptors follow."""
        return 1


class Logged(msgspec.Struct, tag=True, frozen=True):
    """Records that the node's process has logged, where no pipe brings its output."""

    records: list[NodeRecord]


class ProgressReport(msgspec.Struct, tag=True, frozen=True):
    """How far the node's initialization has come."""

    status: str
    fraction: float
    message: str


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The node is initialized and waits for data.

    Attributes:
        process_timeout_secs: that the actor declares; None if it declares none.
    """

    process_timeout_secs: Annotated[float, msgspec.Meta(gt=0, le=_MOST_SECONDS)] | None = None


class Done(msgspec.Struct, tag=True, frozen=True):
    """The node has flushed, ended its streams and cleaned up.

    Attributes:
        missed: outputs since the last copy that were not copied for the tap, or not sent.
    """

    statistics: NodeStatistics
    missed: int = 0


class Stack(msgspec.Struct, tag=True, frozen=True):
    """Where the async hook of the node waits; empty if none does."""

    text: str


class StatisticsReport(msgspec.Struct, tag=True, frozen=True):
    """The statistics of the node so far: on request, and while they change once a second."""

    statistics: NodeStatistics


class Spans(msgspec.Struct, tag=True, frozen=True):
    """Calls of the node that are traced, and have ended."""

    spans: list[NodeSpan]


class Failure(msgspec.Struct, tag=True, frozen=True):
    """The error that ended the node.

    Attributes:
        missed: as in `Done`.
    """

    error: ErrorRecord
    missed: int = 0


FromNode = (
    ProgressReport
    | Ready
    | Done
    | StatisticsReport
    | Stack
    | Spans
    | Failure
    | Logged
    | Notice
    | ControlFromNode
)
"""A Notice is of a control message that the node gives."""


class StatisticsRequest(msgspec.Struct, tag=True, frozen=True):
    """Send a StatisticsReport."""


class StackRequest(msgspec.Struct, tag=True, frozen=True):
    """Send a Stack."""


ToNode = StatisticsRequest | StackRequest | Notice | ControlToNode
"""The server closes the socket to let the process finish and exit."""

# Made once, in the forkserver: each takes a millisecond.
_STARTS: Final = msgspec.msgpack.Decoder(NodeSpec | HostStart)
_SPECS: Final = msgspec.msgpack.Decoder(NodeSpec)
TO_NODE: Final = msgspec.msgpack.Decoder(ToNode)
"""Decodes a message of the server."""


def framed(message: msgspec.Struct) -> bytes:
    """Return a message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def receive_descriptors(sock: socket.socket, count: int) -> list[int]:
    """Take over `count` descriptors from a blocking socket.

    Raises:
        EOFError: the other end closed before all had come.
    """
    received: list[int] = []
    while len(received) < count:
        data, descriptors, _, _ = socket.recv_fds(sock, 1, DESCRIPTORS_AT_ONCE)
        if not data:
            raise EOFError
        received += descriptors
    return received


def receive_start(sock: socket.socket) -> NodeSpec | HostStart:
    """Read what a new process runs from a blocking socket.

    Raises:
        EOFError: the other end closed before all had come.
    """
    (length,) = LENGTH.unpack(_receive_exactly(sock, LENGTH.size))
    start: NodeSpec | HostStart = _STARTS.decode(_receive_exactly(sock, length))
    return start


async def receive_spec_of(sock: socket.socket) -> NodeSpec:
    """Read a NodeSpec from a non-blocking socket, and nothing after it.

    Raises:
        EOFError: the other end closed before all had come.
    """
    (length,) = LENGTH.unpack(await _await_exactly(sock, LENGTH.size))
    spec: NodeSpec = _SPECS.decode(await _await_exactly(sock, length))
    return spec


async def receive_descriptors_of(sock: socket.socket, count: int) -> list[int]:
    """Take over `count` descriptors from a non-blocking socket.

    Raises:
        EOFError: the other end closed before all had come.
    """
    received: list[int] = []
    while len(received) < count:
        try:
            data, descriptors, _, _ = socket.recv_fds(sock, 1, DESCRIPTORS_AT_ONCE)
        except BlockingIOError:
            await trio.lowlevel.wait_readable(sock)
            continue
        except OSError:
            data, descriptors = b"", []
        received += descriptors
        if not data:
            for descriptor in received:
                os.close(descriptor)
            raise EOFError
    return received


async def _await_exactly(sock: socket.socket, count: int) -> bytes:
    try:
        return await receive_exactly(sock, count)
    except OSError as error:
        raise EOFError from error


def _receive_exactly(sock: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        data = sock.recv(count - len(received))
        if not data:
            raise EOFError
        received += data
    return bytes(received)
