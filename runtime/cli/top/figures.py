"""Figures of the server, its sessions and their nodes: rates from two snapshots.

Names that clients choose are made printable here, before anything is laid out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from ...errors import printable
from ...wire.operations import (
    LinkInfo,
    NodeInfo,
    ServerInfo,
    SessionEnding,
    SessionInfo,
    WatchServerResponse,
    WatchSessionResponse,
)

# A node that works less than this is not what limits its pipeline.
_LEAST_BUSY: Final = 0.01


def client_text(peer: str, token_name: str) -> str:
    """Return the client of a session: its address, and the operator's name of its token."""
    return f"{printable(peer)} ({printable(token_name)})" if token_name else printable(peer)


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """A session. What is per second is None in the first snapshot.

    Attributes:
        message: as the server sent it; its names are the client's.
        fill: how full the fullest of its links is, from 0 to 1.
        cpu: processors that its node processes use.
        slowest_busy: the part of the time in which the slowest node works, from 0 to 1.
    """

    message: SessionInfo
    session_id: str
    pipeline: str
    state: str
    client: str
    age_seconds: float
    nodes: int
    processes: int
    waiting: int
    fill: float
    dropped: int
    memory_bytes: int
    slowest_node: str
    slowest_busy: float
    in_rate: float | None
    out_rate: float | None
    in_bytes_rate: float | None
    out_bytes_rate: float | None
    drop_rate: float | None
    copy_rate: float | None
    cpu: float | None

    @classmethod
    def of(
        cls, now: SessionInfo, before: SessionInfo | None, seconds: float, now_ms: int
    ) -> "SessionFigures":
        """Return the figures of a session.

        Args:
            now: the session in this snapshot.
            before: in the snapshot before; None if it was not open then.
            seconds: between the two.
            now_ms: the time of this snapshot.
        """
        rate = _Rates(now, before, seconds)
        return cls(
            message=now,
            session_id=printable(now.session_id),
            pipeline=printable(now.pipeline),
            state=printable(now.state),
            client=client_text(now.peer, now.token_name),
            age_seconds=max(0, now_ms - now.opened_ms) / 1000,
            nodes=now.node_count,
            processes=now.process_count,
            waiting=now.waiting_items,
            fill=now.fullest_link,
            dropped=now.dropped_items,
            memory_bytes=now.memory_bytes,
            slowest_node=printable(now.slowest_node) if now.slowest_busy >= _LEAST_BUSY else "",
            slowest_busy=now.slowest_busy,
            in_rate=rate("items_in"),
            out_rate=rate("items_out"),
            in_bytes_rate=rate("bytes_in"),
            out_bytes_rate=rate("bytes_out"),
            drop_rate=rate("dropped_items"),
            copy_rate=rate("copies"),
            cpu=rate("cpu_seconds"),
        )


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """A link. The client is the node ""."""

    producer: str
    reader: str
    waiting: int
    credits: int
    capacity: int

    @property
    def fill(self) -> float:
        """How full it is, from 0 to 1."""
        return self.waiting / self.capacity if self.capacity else 0.0

    @classmethod
    def of(cls, link: LinkInfo) -> Self:
        """Return the figures of a link."""
        return cls(
            producer=printable(link.producer),
            reader=printable(link.reader),
            waiting=min(link.waiting_items, link.capacity),
            credits=link.credits,
            capacity=link.capacity,
        )


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """A node.

    Attributes:
        message: as the server sent it; its names are the client's.
        queue: the fullest of the links that it reads; None if it reads none.
        busy: the part of the time in which its actor's code runs, from 0 to 1.
    """

    message: NodeInfo
    node_id: str
    node_type: str
    executor: str
    process_id: int
    state: str
    p50_ms: float
    p99_ms: float
    busy: float
    queue: LinkFigures | None
    dropped: int
    memory_bytes: int
    is_slowest: bool
    in_rate: float | None
    out_rate: float | None
    copy_rate: float | None
    cpu: float | None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A session with its nodes and links.

    Attributes:
        ending: how it ended; None as long as it is open.
    """

    session: SessionFigures
    nodes: Sequence[NodeFigures]
    links: Sequence[LinkFigures]
    ending: SessionEnding | None

    @classmethod
    def of(cls, now: WatchSessionResponse, before: WatchSessionResponse | None) -> Self:
        """Return what two snapshots have."""
        session = now.session or SessionInfo()
        earlier = before.session if before is not None else None
        seconds = 0.0 if before is None else now.clock_seconds - before.clock_seconds
        links = list(map(LinkFigures.of, session.links))
        nodes_before = {node.node_id: node for node in earlier.nodes} if earlier else {}
        nodes = [
            _node(node, nodes_before.get(node.node_id), seconds, links, session.slowest_node)
            for node in session.nodes
        ]
        figures = SessionFigures.of(session, earlier, seconds, now.time_ms)
        return cls(figures, nodes, links, now.ending)


@dataclass(frozen=True, slots=True)
class ServerPage:
    """The server with its sessions, the oldest first.

    Attributes:
        cpu: processors that the server's own process uses; None in the first snapshot.
    """

    server: ServerInfo
    time_ms: int
    cpu: float | None
    sessions: Sequence[SessionFigures]
    omitted_sessions: int

    @classmethod
    def of(cls, now: WatchServerResponse, before: WatchServerResponse | None) -> Self:
        """Return what two snapshots have."""
        seconds = 0.0 if before is None else now.clock_seconds - before.clock_seconds
        earlier: Mapping[str, SessionInfo] = (
            {} if before is None else {each.session_id: each for each in before.sessions}
        )
        server = now.server or ServerInfo()
        rate = _Rates(server, None if before is None else before.server, seconds)
        sessions = [
            SessionFigures.of(each, earlier.get(each.session_id), seconds, now.time_ms)
            for each in now.sessions
        ]
        return cls(server, now.time_ms, rate("cpu_seconds"), sessions, now.omitted_sessions)


class _Rates:
    """Rates of the counters of a message."""

    def __init__(self, now: object, before: object | None, seconds: float) -> None:
        self._now = now
        self._before = before
        self._seconds = seconds

    def __call__(self, counter: str) -> float | None:
        """Return how much a counter has grown per second; None if that is not known."""
        if self._before is None or self._seconds <= 0:
            return None
        grown = getattr(self._now, counter) - getattr(self._before, counter)
        return float(max(0.0, grown / self._seconds))


def _node(
    now: NodeInfo,
    before: NodeInfo | None,
    seconds: float,
    links: Sequence[LinkFigures],
    slowest: str,
) -> NodeFigures:
    rate = _Rates(now, before, seconds)
    name = printable(now.node_id)
    read = [link for link in links if link.reader == name]
    return NodeFigures(
        message=now,
        node_id=name,
        node_type=printable(now.node_type),
        executor=printable(now.executor),
        process_id=now.process_id,
        state=printable(now.state),
        p50_ms=now.recent_p50_ms,
        p99_ms=now.recent_p99_ms,
        busy=now.busy,
        queue=max(read, key=lambda link: link.fill, default=None),
        dropped=now.dropped_items,
        memory_bytes=now.memory_bytes,
        is_slowest=now.node_id == slowest and now.busy >= _LEAST_BUSY,
        in_rate=rate("items_in"),
        out_rate=rate("items_out"),
        copy_rate=rate("copies"),
        cpu=rate("cpu_seconds"),
    )
