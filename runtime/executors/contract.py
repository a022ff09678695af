"""The contract between sessions and executors."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import trio

from actors import Progress

from ..config import RuntimeConfig
from ..execution import NodeControl, NodeStatistics
from ..links import LocalEnds, Notice, ProcessEnds, Wiring
from ..plan import ExecutorDeclaration, Grants, NodePlan
from ..tracing import NodeSpan, TraceSpec

if TYPE_CHECKING:
    from ..links.socket import SocketEnds


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True, eq=False)
class NodeTask:
    """One node that an executor runs, with its links and the ways to report.

    The session sets it up; the executor calls `report` while the node gets ready, calls `is_ready`
    when it is, sets `done` when it has flushed and cleaned up, and keeps what others may still read
    until `released` is set.

    Attributes:
        plan: the node.
        wiring: opens the node's links; use `local_ends`, `process_ends` or `socket_ends`.
        python_executable: the interpreter for a node process; None for the server's.
        max_memory_bytes: what a node process may allocate; 0 for no limit.
        process_timeout_seconds: how long one call of the actor may last; None if neither the
            manifest nor the operator sets it.
        report: takes the progress of its initialization.
        released: set when no other node reads its outputs any more.
        statistics: of the node; the executor updates them.
        refresh: requests new statistics of the executor; nothing to do if they are live.
        started: the executor calls it with the seconds that it took to start the node's process.
        announce: the executor calls it with every control message that the node emits.
        controllable: the executor calls it with the node's control when the node is ready, and with
            None when the node has ended.
        control: notifies the node of a control message, past the items that wait; the executor sets
            it when the node can be notified.
        pid: of the node process on this machine; None if the node has none here.
        last_output: the last lines that the node process has printed or logged.
        trace: of the session; None if it is not traced.
        grants: the endpoints and tools of the operator that the node gets.
        record: the executor calls it with the node's calls that are traced, when they have ended.
    """

    plan: NodePlan
    session_id: str
    wiring: Wiring
    init_timeout_seconds: float
    grace_seconds: float
    python_executable: str | None
    report: Callable[[Progress], None]
    released: trio.Event
    max_memory_bytes: int = 0
    process_timeout_seconds: float | None = None
    statistics: NodeStatistics = field(default_factory=NodeStatistics)
    refresh: Callable[[], None] = _ignore
    started: Callable[[float], None] = _ignore
    announce: Callable[[Notice], None] = _ignore
    control: Callable[[Notice], None] = _ignore
    controllable: Callable[[NodeControl | None], None] = _ignore
    ready: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)
    pid: int | None = None
    last_output: Sequence[str] = ()
    trace: TraceSpec | None = None
    grants: Grants = field(default_factory=Grants)
    record: Callable[[Sequence[NodeSpan]], None] = _ignore

    @property
    def node_id(self) -> str:
        """The node's id in the manifest."""
        return self.plan.node_id

    @property
    def params_json(self) -> bytes:
        """The checked params as JSON."""
        return json.dumps(dict(self.plan.params)).encode()

    def is_ready(self) -> None:
        """Report that the node is ready for items."""
        self.report(Progress("ready", 1.0))
        self.ready.set()

    def forget_node(self) -> None:
        """Drop the functions of the node, which has ended; the executor calls it.

        They refer to what refers to this task. Without such cycles, reference counting frees the
        shared memory of a session at its end, and not the next run of the cyclic collector.
        """
        self.refresh = self.control = _ignore

    def forget_session(self) -> None:
        """Drop the functions of the session, which has ended; the session calls it."""
        self.report = self.started = self.announce = self.controllable = self.record = _ignore

    def local_ends(self) -> LocalEnds:
        """Return the node's links, for an executor at `Place.SERVER`."""
        return self.wiring.local_ends(self.node_id)

    def process_ends(self) -> ProcessEnds:
        """Return what to pass to the node's process, for an executor at `Place.MACHINE`."""
        return self.wiring.process_ends(self.node_id)

    def socket_ends(self) -> "SocketEnds":
        """Return the links to connect with the node's process, for one at `Place.SOCKET`."""
        return self.wiring.socket_ends(self.node_id)


class Executor(Protocol):
    """Runs nodes in its own way."""

    async def run(self, task: NodeTask) -> None:
        """Run a node until `task.released` is set, or until cancelled; leave nothing behind.

        Raises:
            NodeError: the node failed.
        """


OpenExecutor = Callable[[RuntimeConfig, Any], AbstractAsyncContextManager[Executor]]
"""Opens an executor for as long as the block lasts.

It gets all settings of the operator, and those of the executor itself: [executors.NAME], as an
object of the class that the factory declares in `settings`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorFactory(ExecutorDeclaration):
    """An executor that is not open yet: how to open it, and what it declares.

    A plan reads the declaration and opens nothing. A runtime opens the executor when the first
    session needs it, and keeps it open until the runtime ends.

    Attributes:
        open: called once, with the operator's settings, and with those of this executor.
    """

    open: OpenExecutor


Executors = Mapping[str, ExecutorFactory]
"""Executors of an application's own, by the names that routing and manifests use."""
