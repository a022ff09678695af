"""What a node process and a batched host do alike for a node: its links, loop and messages."""

import logging
import socket
from collections.abc import Callable, Hashable
from typing import Final, Protocol

import trio

from actors import Context, Progress

from ...catalogue import ToolFinder
from ...errors import (
    MAX_PROGRESS_CHARACTERS,
    ErrorRecord,
    NodeError,
    SharedMemoryError,
    shortened,
)
from ...links import Inbox, Notice, Output, Waiting
from ..actor_loop import ActorLoop
from ..call_clock import CallTimes
from ..statistics import NodeStatistics
from .batch_sender import BatchSender
from .control_messages import Hops
from .control_socket import ControlSocket
from .messages import (
    Done,
    Failure,
    NodeSpec,
    ProgressReport,
    Ready,
    Spans,
    Stack,
    StackRequest,
    StatisticsReport,
    StatisticsRequest,
    ToNode,
)
from .node_end import NodeEnd
from .statistics_push import StatisticsPush

# An error is reported within this time, also where a tap has much to send.
_FLUSH_SECONDS: Final = 0.2


class NodeResources(Protocol):
    """The resources of a node: see `Context.shared` and `Context.preloaded`."""

    async def share(self, key: Hashable, load: Callable[[], object]) -> object:
        """Return a resource that may be shared."""

    def take(self, key: Hashable, load: Callable[[], object]) -> object:
        """Return a resource of the node alone."""


class NodeActivity(Protocol):
    """Where a node shows what its actor is doing."""

    @property
    def times(self) -> CallTimes:
        """When the last call began and ended."""

    @property
    def tap_memory(self) -> memoryview:
        """Memory for outputs that a tap collects later."""


class NodeRun:
    """One node, from its first report to its last.

    Args:
        spec: the node.
        sock: its control socket.
        activity: what its actor is doing.
        waiting: how its inbox waits.
    """

    def __init__(
        self, spec: NodeSpec, sock: socket.socket, activity: NodeActivity, waiting: Waiting
    ) -> None:
        self._spec = spec
        self._activity = activity
        self._socket = ControlSocket(sock)
        self._inbox = Inbox(waiting)
        self._output = Output()
        self._loop: ActorLoop | None = None
        self._control: NodeEnd | None = None
        self._push: StatisticsPush | None = None
        self._finished = False
        report, send = self._socket.report, self._socket.send
        self._spans = BatchSender(Spans, report, send)
        self._hops = BatchSender(Hops, report, send)

    def _context(self, resources: NodeResources) -> Context:
        spec = self._spec
        return Context(
            spec.node_id,
            spec.session_id,
            report=self._report_progress,
            loan=self._output.loan,
            models=spec.models,
            find_tool=ToolFinder(spec.tools),
            readers=spec.readers_of_node,
            share=resources.share,
            take=resources.take,
        )

    def _attach(self, loop: ActorLoop, nursery: trio.Nursery) -> StatisticsPush:
        """Let the server control a loop, and get its reports."""
        self._loop = loop
        self._control = NodeEnd(
            loop,
            self._spec.node_id,
            self._socket.send,
            self._socket.report,
            self._activity.tap_memory,
            self._hops.record,
        )
        nursery.start_soon(self._control.send_tapped)
        push = self._push = StatisticsPush(loop.statistics, self._send_statistics)
        nursery.start_soon(push.run)
        return push

    async def _run_loop(self, process_timeout_secs: float | None) -> None:
        """Run the loop to the end, clean up, and report it.

        Raises:
            NodeError: the actor failed, or a node that it is linked to.
            SharedMemoryError: there is no room.
        """
        assert self._loop is not None
        assert self._control is not None
        cleaned_up = False
        try:
            await self._loop.initialize()
            await self._socket.send(Ready(process_timeout_secs))
            await self._loop.run()
            cleaned_up = True
            await self._clean_up()
            self._raise_escaped()
        except (NodeError, SharedMemoryError) as error:
            # What a tap saw before the error is what a developer looks for.
            await self._control.flush(_FLUSH_SECONDS)  # noqa: ASYNC120 (bounded)
            await self.report_failure(error)  # noqa: ASYNC120 (it shields itself)
            self._finished = True
            raise
        finally:
            if not cleaned_up:
                try:
                    await self._clean_up()  # noqa: ASYNC102 (it shields itself, with a deadline)
                except NodeError:
                    logging.getLogger(__name__).exception("cleanup() failed after another error")
        await self._control.flush(self._spec.grace_seconds)
        await self._spans.flush()
        await self._hops.flush()
        await self._socket.send(Done(self._statistics(), self._control.take_missed()))

    def _raise_escaped(self) -> None:
        """Raise an error that no code of the actor has caught."""

    async def _clean_up(self) -> None:
        assert self._loop is not None
        with trio.move_on_after(self._spec.grace_seconds, shield=True):
            await self._loop.cleanup()

    async def _listen(self, stop: trio.CancelScope) -> None:
        """Answer the server; when it closes the socket, stop."""
        await self._socket.handle_messages(self._handle)
        stop.cancel()

    async def _handle(self, message: ToNode) -> None:
        if self._loop is None:
            return
        match message:
            case Notice():
                self._loop.notify(message)
            case StackRequest():
                await self._socket.send(Stack(self._loop.stack()))
            case StatisticsRequest():
                await self._send_statistics()
            case _:
                assert self._control is not None
                await self._control.apply(message)

    async def _send_statistics(self) -> None:
        await self._socket.send(StatisticsReport(self._statistics()))

    def _statistics(self) -> NodeStatistics:
        raise NotImplementedError

    async def report_failure(self, error: NodeError | SharedMemoryError) -> None:
        """Report the error that ends the node."""
        if self._finished:
            return
        with trio.move_on_after(self._spec.grace_seconds, shield=True):
            await self._spans.flush()
            missed = 0 if self._control is None else self._control.take_missed()
            await self._socket.send(Failure(ErrorRecord.of(error), missed))

    def _report_progress(self, progress: Progress) -> None:
        message = shortened(progress.message, MAX_PROGRESS_CHARACTERS)
        self._socket.report(ProgressReport(progress.status, progress.fraction, message))
