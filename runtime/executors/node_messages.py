"""What the process of a node and the server tell each other, whatever the process is."""

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec
import trio

from actors import DataError, Progress

from ..errors import (
    ErrorRecord,
    InitTimeoutError,
    LimitError,
    MemoryLimitError,
    NodeError,
    SharedMemoryError,
)
from ..execution import DEFAULT_TIMEOUT_SECONDS
from ..execution.process import (
    BarrierReached,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    Done,
    Failure,
    FromNode,
    Hops,
    InterceptQuestion,
    Logged,
    MalformedMessageError,
    NodeRecord,
    OutputsWaiting,
    ProgressReport,
    Ready,
    ServerEnd,
    Spans,
    StatisticsReport,
    StatisticsRequest,
    TappedItem,
    bounded,
    is_exhaustion,
)
from ..links import Notice
from ..logs import log_record
from .contract import NodeTask


class Messages(Protocol):
    """Messages of a node's process, and to it."""

    async def receive(self) -> FromNode | None:
        """Return the next message, or None when the process has closed its socket."""

    async def send(self, message: msgspec.Struct) -> None:
        """Send a message."""


class NodeMessages:
    """Relays what the process of one node reports to the session, and what it is told.

    Args:
        task: the node.
        messages: of its process.
    """

    def __init__(self, task: NodeTask, messages: Messages) -> None:
        self._task = task
        self._messages = messages
        self._phase = "starting"
        self._server_end: ServerEnd | None = None
        self._failures: list[NodeError | LimitError] = []
        self._overdue: Callable[[str], NodeError] | None = None
        self._timeout_seconds = DEFAULT_TIMEOUT_SECONDS
        self._log = logging.getLogger(f"millrace.node.{task.node_id}")

    async def _follow(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        """Follow the node until it is released; return early when it has failed."""
        task, send = self._task, self._messages.send
        task.refresh = lambda: nursery.start_soon(send, StatisticsRequest())
        task.control = lambda notice: nursery.start_soon(send, notice)
        to_node, unsent = trio.open_memory_channel[ControlToNode](math.inf)
        nursery.start_soon(self._send_control, unsent)

        def on_malformed(error: DataError) -> None:
            self._fail_malformed(error)
            scope.cancel()

        self._server_end = self._open_server_end(
            to_node.send_nowait, nursery.start_soon, on_malformed
        )
        try:
            if await self._wait_ready():
                self._on_ready(nursery, scope)
                if await self._wait_done():
                    await task.released.wait()
        finally:
            task.refresh = _no_refresh
            task.control = _ignore_notice
            task.controllable(None)
            self._server_end.close()

    def _open_server_end(
        self,
        send: Callable[[ControlToNode], None],
        start: Callable[..., None],
        on_malformed: Callable[[DataError], None],
    ) -> ServerEnd:
        """Return the end in the server of the node's control."""
        raise NotImplementedError

    def _note_message(self) -> None:
        """Note that the process has sent a message."""

    def _on_ready(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        """Begin to watch the node, which is ready."""

    async def _on_close(self) -> None:
        """Find out why the process has closed its socket."""

    async def _send_control(self, unsent: trio.MemoryReceiveChannel[ControlToNode]) -> None:
        """Send control to the process in order: two tasks could overtake each other."""
        async for message in unsent:
            await self._messages.send(message)

    async def _wait_ready(self) -> bool:
        task = self._task
        self._phase = "initializing"
        with trio.move_on_after(task.init_timeout_seconds) as waiting:
            while not task.ready.is_set():
                if not await self._next_message():
                    return False
        if waiting.cancelled_caught:
            self._overdue = partial(InitTimeoutError, task.node_id, task.init_timeout_seconds)
            return False
        self._phase = "running"
        return True

    async def _wait_done(self) -> bool:
        while not self._task.done.is_set():
            if not await self._next_message():
                return False
        self._phase = "waiting for the others"
        return True

    async def _next_message(self) -> bool:
        """Handle one message; return whether there may be more."""
        try:
            return await self._take(await self._messages.receive())
        except MalformedMessageError as error:
            self._fail_malformed(error)
            return False

    def _fail_malformed(self, error: Exception) -> None:
        self._failures.append(
            NodeError(
                self._task.node_id,
                f"its process sent what is no message on its control socket: {error}",
            )
        )

    async def _take(self, received: FromNode | None) -> bool:
        task = self._task
        self._note_message()
        match received:
            case ProgressReport(status, fraction, message):
                task.report(Progress(status, fraction, message))
            case Ready(declared_seconds):
                self._timeout_seconds = (
                    task.process_timeout_seconds or declared_seconds or DEFAULT_TIMEOUT_SECONDS
                )
                task.controllable(self._server_end)
                task.is_ready()
            case Notice() as notice:
                task.announce(notice)
            case Spans(spans):
                task.record(spans)
            case StatisticsReport(statistics):
                task.statistics = statistics
            case Done(statistics, missed):
                task.statistics = statistics
                if self._server_end is not None:
                    self._server_end.collect()
                    self._server_end.note_missed(missed)
                task.done.set()
            case Failure(record, missed):
                if self._server_end is not None:
                    self._server_end.collect()
                    self._server_end.note_missed(missed)
                self._failures.append(self._error_of(record))
                return False
            case (
                TappedItem()
                | OutputsWaiting()
                | InterceptQuestion()
                | Hops()
                | ControlApplied()
                | BarrierReached()
            ):
                self._receive_control(received)
            case Logged(records):
                for logged in records:
                    self._on_record(bounded(logged))
            case None:
                await self._on_close()
                return False
        return True

    def _receive_control(self, message: ControlFromNode) -> None:
        assert self._server_end is not None
        try:
            self._server_end.receive(message)
        except DataError as error:
            raise MalformedMessageError(str(error)) from error

    def _error_of(self, record: ErrorRecord) -> NodeError | LimitError:
        """Return the error that the process reported."""
        error = record.to_error(NodeError)
        node = self._task.plan
        if error.node_id not in (node.node_id, *node.inputs, *node.outputs):
            # It may report a broken node at the other end of a link, and accuse no other.
            return NodeError(self._task.node_id, str(error), stack_trace=error.stack_trace)
        if isinstance(error, SharedMemoryError):
            return error
        if not isinstance(error, NodeError):
            # A process whose actor has taken it over does not choose the class of our errors.
            return NodeError(self._task.node_id, str(error), stack_trace=error.stack_trace)
        limit = self._task.max_memory_bytes
        if limit and is_exhaustion(f"{record.exception_type}\n{error.stack_trace}"):
            return MemoryLimitError(error.node_id, limit, error.message, error.stack_trace)
        return error

    def _on_record(self, record: NodeRecord) -> None:
        task = self._task
        log_record(
            self._log,
            record.level,
            record.message,
            session=task.session_id,
            node=task.node_id,
            name=record.logger,
            stack_trace=record.stack_trace,
            fields=record.fields,
        )


def _ignore_notice(_notice: Notice) -> None:
    """Drop a control message: the node has ended."""


def _no_refresh() -> None:
    """Do nothing: the process does not answer any more."""
