"""A session: one nursery that holds every actor of a pipeline."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn, Self

import trio

from actors import Data, Progress

from ..errors import (
    LimitError,
    MillraceError,
    NodeError,
    SessionKilledError,
    UnwrappedErrors,
)
from ..events import InitProgress, Result
from ..execution import EXIT_REPORT_SECONDS
from ..executors import Executor, NodeTask
from ..links import Bounds, PeerError, PeerFaultError, Wiring
from ..links.shared import DomainSpec
from ..manifest import NodeId
from ..plan import Grants, Plan
from ..tracing import SessionTrace
from .control_bus import ControlBus
from .control_hub import ControlHub
from .demand import queue_bytes
from .ending import Ending, EndReason, as_known
from .first_error import FirstError, error_of_node
from .input_checker import InputChecker, SessionBounds
from .progress_reports import ProgressReports
from .readers import nodes_behind_sockets, nodes_on_machine, readers_over_links
from .recent_endings import EndedSession
from .session_control import SessionControl
from .session_explaining import SessionExplaining
from .session_input import SessionInput
from .session_log import SessionLog
from .session_output import SessionOutput
from .session_relay import SessionRelay
from .session_sources import SessionSources
from .state import SessionState
from .totals import missing_items
from .tracing import trace_nodes

# A node ends its own clean-up in time; this is for its report.
_SPARE_SECONDS = 1.0


class Session(SessionControl, SessionSources, SessionExplaining, SessionRelay):
    """A running pipeline: send chunks in, receive results.

    `send` and `receive` may be used at the same time, from different tasks; `receive` by one task
    at a time. When any node fails, the block that holds the session is cancelled, and leaving it
    raises that one error.

    Attributes:
        id: unique.
        plan: what runs where, and why.
        state: where the session is in its life.
        limits: what it may use.
        peer: the address of the client that it is for; empty for none.
        owner: a digest of that client's token; None for none.
        token_name: the operator's label of that token; empty for none.
        why_ended: called where the session was completed or left without an error; returns why, for
            the log, as its owner knows it.
        opened_at: when it was opened, in seconds since 1970.
        ended: set when it has ended, and its record was made.
        outcome: "completed", "failed" or "cancelled"; "" as long as it runs.

    Args:
        on_ready: called when every node is ready.
        on_process_start: called with the seconds that it took to fork a node process.
        on_end: called with the record of the session, however it ends.
        trace: of this session; None if it is not traced.
        grants: endpoints and tools of the operator.
    """

    def __init__(
        self,
        session_id: str,
        plan: Plan,
        executors: Mapping[str, Executor],
        domain: DomainSpec,
        bounds: SessionBounds,
        *,
        on_ready: Callable[[], None] = lambda: None,
        on_process_start: Callable[[float], None] = lambda _: None,
        on_end: Callable[[EndedSession], None] = lambda _: None,
        trace: SessionTrace | None = None,
        grants: Grants = Grants(),  # noqa: B008 (immutable)
    ) -> None:
        self._on_ready = on_ready
        self._on_end = on_end
        self.ended = trio.Event()
        self.id = session_id
        self.plan = plan
        self.limits = limits = bounds.limits
        self.state = SessionState.INITIALIZING
        self.peer = ""
        self.token_name = ""
        self.why_ended: Callable[[EndReason], EndReason] = as_known
        self.owner: bytes | None = None
        self.opened_at = time.time()
        self.outcome = ""
        self._segments = domain.prefix
        settings = plan.settings.values
        self._executors = executors
        self._wiring = Wiring(
            readers_over_links(plan),
            in_processes=nodes_on_machine(plan),
            behind_sockets=nodes_behind_sockets(plan),
            bounds=Bounds(
                settings.channel_capacity,
                queue_bytes(plan),
                drop_oldest=not settings.enable_backpressure,
            ),
            domain=domain,
            on_fault=self._fail,
        )
        self._log = SessionLog(session_id, plan, trace)
        self._error = FirstError()
        self._scope = trio.CancelScope()  # until the nursery is open
        self._ready = trio.Event()
        self._released = trio.Event()
        self._progress = ProgressReports(lambda report: self.bus.report_progress(report))
        self._tasks = {
            node.node_id: NodeTask(
                node,
                session_id,
                self._wiring,
                settings.init_timeout_secs,
                settings.cleanup_grace_period_secs,
                settings.python_executable,
                self._progress.reporter(node.node_id),
                self._released,
                limits.max_memory_bytes,
                plan.settings.explicit("process_timeout_secs"),
                started=on_process_start,
                grants=grants.only(node.grants),
            )
            for node in plan.nodes
        }
        self.bus = ControlBus(plan, lambda node, item: self._input.enter_barrier(node, item))
        self._controls = ControlHub(plan, {str(node): task for node, task in self._tasks.items()})
        self._input = SessionInput(
            InputChecker(plan, bounds),
            self._wiring.inlets,
            self._controls,
            self._ready,
            self._wiring.direct,
            on_begin=self._begin,
            on_peer_gone=self._wait_for_verdict,
            has_ended=lambda node: self._tasks[NodeId(node)].done.is_set(),
        )
        self._output = SessionOutput(
            self._wiring.outlet,
            self._controls,
            on_end=self._finish,
            on_peer_gone=self._wait_for_verdict,
        )
        for task in self._tasks.values():
            task.announce = partial(self._controls.announce, task.node_id)
            task.controllable = partial(self.bus.set_control, task.node_id)
        if trace is not None:
            trace_nodes(trace, self._input, self._tasks.values())

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of every node's initialization; ends when all are ready."""
        return aiter(self._progress)

    @property
    def error(self) -> MillraceError | None:
        """The error that ended the session; None as long as it has not failed."""
        return self._error.copy

    @property
    def became_ready(self) -> bool:
        """Whether every node was initialized, whatever has happened since."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Wait until every node is initialized."""
        await self._ready.wait()

    async def send(
        self,
        data: Data,
        *,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> int:
        """Send a chunk in; wait until the session is ready and the pipeline has room for it.

        Args:
            data: the item.
            node: the node that it enters at, any of the pipeline; None means every source that does
                not generate items itself, and every source for a control message.
            sequence: carried by every result that comes of it; None counts up from the last one.
            timestamp_ms: handed on to the nodes and the results.

        Returns:
            The chunk's sequence.

        Raises:
            InputError: not a data item, of a kind that the node does not take, a number out of
                range, or no node is named and all sources generate items.
            UnknownNodeError: the pipeline has no such node.
            LimitError: it has more audio samples than the session may still take; it takes none
                of them, and goes on. So it does where a chunk does not fit into its shared memory.
            SessionClosedError: `close_input` was called.
        """
        return await self._input.send(data, node=node, sequence=sequence, timestamp_ms=timestamp_ms)

    def check_node(self, node: str) -> None:
        """Check that chunks can enter at `node`.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        self._input.checker.targets(node)

    async def receive(self) -> Result:
        """Return the next result of any sink.

        Raises:
            trio.EndOfChannel: the input was closed, everything is flushed, and every node has
                cleaned up.
            trio.BusyResourceError: another task is receiving.
        """
        return await self._output.receive()

    def receive_nowait(self) -> Result:
        """Return a result that is here already.

        Raises:
            trio.WouldBlock: there is none; `receive` tells whether there will be.
            trio.BusyResourceError: another task is receiving.
        """
        return self._output.receive_nowait()

    def __aiter__(self) -> Self:
        """Iterate over the results, to the end of the stream."""
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _begin(self) -> None:
        if self.state is SessionState.READY:
            self.state = SessionState.EXECUTING

    async def _wait_for_verdict(self, error: PeerError) -> NoReturn:
        """Wait until the node's own error cancels this session; else report the node."""
        if not isinstance(error, PeerFaultError):  # that has no other cause
            await trio.sleep(EXIT_REPORT_SECONDS)
        self._fail(NodeError(error.peer, error.reason))
        await trio.sleep_forever()

    async def _finish(self) -> None:
        """Release every node when all have cleaned up."""
        grace = self.plan.settings.values.cleanup_grace_period_secs
        with trio.move_on_after(grace + _SPARE_SECONDS) as waiting:
            for task in self._tasks.values():
                await task.done.wait()
        if waiting.cancelled_caught:
            late = next(node for node, task in self._tasks.items() if not task.done.is_set())
            self._fail(NodeError(late, f"cleanup() took longer than {grace:g} s"))
            await trio.sleep_forever()
        short = missing_items(self._wiring, self.plan, self.statistics())
        if short is not None:
            self._fail(short)
            await trio.sleep_forever()
        self._released.set()
        self._wiring.stop()

    async def _run_node(self, task: NodeTask) -> None:
        """Run one node. Its error is kept for the end of the session, where it is raised once."""
        task.report(Progress("starting", 0.0))
        try:
            await self._executors[task.plan.executor].run(task)
            return
        except PeerError as error:
            await self._wait_for_verdict(error)
        except trio.Cancelled:
            raise
        # An executor is its author's code, and must not end more than this session.
        except BaseException as error:
            if not self._keep_error(error_of_node(task, error)):
                raise  # nothing but cancellations, or a user's Ctrl-C
        # Here, where the frame has no error: see `_fail`.
        self._scope.cancel()

    async def _limit_time(self) -> None:
        most_ms = self.limits.max_timeout_ms
        with trio.move_on_after(most_ms / 1000) as waiting:
            await self._released.wait()
        if waiting.cancelled_caught:
            state = self.state.value
            self._fail(
                LimitError(
                    f"the session was still {state} after {most_ms} ms, the most that it may take "
                    "(resource_limits.max_timeout_ms)"
                )
            )

    async def _become_ready(self) -> None:
        for task in self._tasks.values():
            await task.ready.wait()
        await self.bus.wait_applied()
        self.state = SessionState.READY
        self._log.ready()
        self._on_ready()
        self._progress.close()
        self._ready.set()

    def kill(self, reason: str) -> None:
        """End the session with an error that its client receives."""
        self._fail(SessionKilledError(reason))

    def _fail(self, error: MillraceError) -> None:
        self._keep_error(error)
        # A cancellation's traceback has this frame and its callers'. If they referred to the error,
        # whose traceback has the cancelled frames, only the cyclic collector would free them all.
        del error
        self._scope.cancel()

    def _keep_error(self, error: MillraceError | None) -> bool:
        if error is None:
            return False
        if self.state is not SessionState.TERMINATED and self._error.keep(error):
            self.state = SessionState.ERROR
            task = self._tasks.get(NodeId(error.node_id))
            self._log.failed(error, task.last_output if task else ())
            self._progress.add(InitProgress(error.node_id, "error", 0.0, str(error)))
        self._progress.close()
        return True

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Hold the nursery of all nodes for as long as the block lasts; leave nothing behind.

        Leaving the block before the end of the stream cancels what still runs.

        Raises:
            NodeError: a node failed; the block was cancelled.
            LimitError: memory or time ran out; the block was cancelled.
            PipelineError: something else failed.
        """
        ending: Ending | None = None
        self._log.opened(self.plan, self.peer, self.token_name)
        try:
            await self._wiring.connect()
            with UnwrappedErrors():
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    for task in self._tasks.values():
                        nursery.start_soon(self._run_node, task)
                    nursery.start_soon(self._become_ready)
                    if self._wiring.has_tasks:
                        nursery.start_soon(self._wiring.run, self._wait_for_verdict)
                    if self.plan.generating:
                        nursery.start_soon(self._follow_sources)
                    if self.limits.max_timeout_ms:
                        nursery.start_soon(self._limit_time)
                    try:
                        yield
                    except BaseException:  # trio would cancel from a frame with the error: a cycle
                        nursery.cancel_scope.cancel()
                        raise
                    if not self._wiring.outlet.ended or not self._input.closed:
                        nursery.cancel_scope.cancel()
                    await self._finish()
                    ending = Ending("completed", self.why_ended(EndReason.COMPLETED))
        except BaseException:  # noqa: ASYNC103 (the session's own error is raised below)
            if self._error.copy is None:
                ending = Ending.of_block()
                self.state = SessionState.TERMINATED
                raise
        finally:
            if self._error.copy is not None:
                ending = Ending.of_error(self._error.copy)
            if ending is None:
                ending = Ending("cancelled", self.why_ended(EndReason.OWNER_LEFT))
            self.outcome = ending.outcome
            self._log.ended(ending, self.counts())
            self._on_end(EndedSession.of(self, ending, self.counts()))
            self.ended.set()
            self.why_ended = as_known
            self.bus.close(self._error.copy)
            self._wiring.close()
            for task in self._tasks.values():
                task.forget_session()
        self._error.raise_it()
        self.state = SessionState.TERMINATED
