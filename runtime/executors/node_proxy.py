"""The proxy of a node process in the server.

Data does not pass through the proxy: it goes from process to process. The proxy starts the node,
relays its progress, watches it and ends it.
"""

import logging
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from actors import DataError, Progress

from ..errors import (
    ErrorRecord,
    InitTimeoutError,
    LimitError,
    MemoryLimitError,
    NodeError,
    ProcessExitError,
    ProcessTimeoutError,
    SharedMemoryError,
)
from ..execution import DEFAULT_TIMEOUT_SECONDS
from ..execution.process import (
    BarrierReached,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    Done,
    Exit,
    ExportedState,
    Failure,
    FromNode,
    Hops,
    InterceptQuestion,
    MalformedMessageError,
    NodeProcess,
    NodeRecord,
    NodeSpec,
    OutputsWaiting,
    ProgressReport,
    Ready,
    ServerEnd,
    Spans,
    StatisticsReport,
    StatisticsRequest,
    TappedItem,
    Watchdog,
    exit_hint,
    is_exhaustion,
    out_of_memory_kills,
)
from ..links import Notice
from ..logs import log_output, log_record
from .contract import NodeTask

# What a process has written before its end is all there at its end; only a process that it started
# itself, and that holds the socket open, can make the proxy wait this long.
_LAST_WORDS_SECONDS: Final = 0.2
# A process that has closed its socket is about to end. Its exit status tells why, also on a machine
# that is busy.
_EXIT_SECONDS: Final = 2.0
# For the output that is still in the pipe then: 64 KiB, of 3,000 lines perhaps, on a busy machine.
_LAST_OUTPUT_SECONDS: Final = 2.0


class NodeProxy:
    """Represents the process of one node in the server."""

    def __init__(self, task: NodeTask, process: NodeProcess) -> None:
        self._task = task
        self._process = process
        self._phase = "starting"
        self._server_end: ServerEnd | None = None
        self._kills_before = out_of_memory_kills()
        self._failures: list[NodeError | LimitError] = []
        self._overdue: Callable[[str], NodeError] | None = None
        self._watchdog = Watchdog(process, self._request_statistics)
        self._timeout_seconds = DEFAULT_TIMEOUT_SECONDS
        # Also while the node is ended: it must not find its pipe full, and its last lines matter.
        self._output_scope = trio.CancelScope(shield=True)
        self._log = logging.getLogger(f"millrace.node.{task.node_id}")
        task.pid = process.pid
        task.last_output = process.tail

    async def run(self) -> None:
        """Run the node until it is released.

        Raises:
            NodeError: the actor or its process failed.
            LimitError: the node needs more memory than it may have.
        """
        task, process = self._task, self._process
        async with trio.open_nursery() as output:
            output.start_soon(self._read_output)
            try:
                await self._watch()
                await self._report_overdue()
            finally:
                exited = await process.end(  # noqa: ASYNC102 (it shields itself, within a bound)
                    grace_seconds=task.grace_seconds, terminate=not task.released.is_set()
                )
                # Only a process that it started, and that left its group, may still have the pipe.
                self._output_scope.deadline = trio.current_time() + _LAST_OUTPUT_SECONDS
        # As the kernel counts it: also of a process that was killed.
        task.statistics.memory_bytes = max(task.statistics.memory_bytes, process.peak_memory_bytes)
        if self._failures:
            # Not kept: its traceback refers to this proxy, which would be a cycle.
            raise self._failures.pop()
        if not task.released.is_set():
            # Even if the node itself was done: other nodes may still read what it published.
            raise self._exit_error(exited)

    async def _read_output(self) -> None:
        with self._output_scope:
            await self._process.read_output(self._on_output, self._on_record)

    async def _report_overdue(self) -> None:
        """Add the error of a node that hangs, with the place where it does."""
        if self._overdue is not None and not self._failures:
            self._failures.append(self._overdue(await self._watchdog.locate()))

    async def _end_if_hung(self, scope: trio.CancelScope) -> None:
        hung = await self._watchdog.wait_hung(self._timeout_seconds)
        node_id = self._task.node_id
        self._overdue = lambda stack: ProcessTimeoutError(node_id, hung, stack_trace=stack)
        scope.cancel()

    async def _watch(self) -> None:
        """Follow the node until it is released; return early when it has failed."""
        task = self._task
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_with_process, scope)
                await self._give_spec()
                task.refresh = lambda: nursery.start_soon(self._process.send, StatisticsRequest())
                task.control = lambda notice: nursery.start_soon(self._process.send, notice)
                to_node, unsent = trio.open_memory_channel[ControlToNode](math.inf)
                nursery.start_soon(self._send_control, unsent)

                def on_malformed(error: DataError) -> None:
                    self._fail_malformed(error)
                    scope.cancel()

                self._server_end = ServerEnd(
                    task.node_id,
                    to_node.send_nowait,
                    nursery.start_soon,
                    lambda: self._process.activity.tap_memory,
                    on_malformed,
                )
                try:
                    if await self._wait_ready():
                        nursery.start_soon(self._end_if_hung, scope)
                        if await self._wait_done():
                            await task.released.wait()
                finally:
                    task.refresh = _no_refresh
                    task.control = _ignore_notice
                    task.controllable(None)
                    self._server_end.close()
                nursery.cancel_scope.cancel()

    def _request_statistics(self) -> None:
        self._task.refresh()

    async def _send_control(self, unsent: trio.MemoryReceiveChannel[ControlToNode]) -> None:
        """Send control to the process in order: two tasks could overtake each other."""
        async for message in unsent:
            await self._process.send(message)

    async def _end_with_process(self, scope: trio.CancelScope) -> None:
        await self._process.wait()
        scope.deadline = trio.current_time() + _LAST_WORDS_SECONDS

    async def _give_spec(self) -> None:
        task = self._task
        ends = task.process_ends()
        readers = [spec for spec, _ in ends.readers]
        doorbells = [ear for _, ear in ends.readers]
        writer = None
        if ends.writer is not None:
            writer, bells = ends.writer
            doorbells += bells
        spec = NodeSpec(
            session_id=task.session_id,
            node_id=task.node_id,
            target=task.plan.node_type.target,
            params=task.params_json,
            # An empty entry is the current folder, which may not be that of the forkserver.
            sys_path=[] if task.python_executable else [path or os.getcwd() for path in sys.path],
            grace_seconds=task.grace_seconds,
            domain=ends.domain,
            readers=readers,
            writer=writer,
            max_memory_bytes=task.max_memory_bytes,
            environment=_gpu_environment(task),
            log_level=self._log.getEffectiveLevel(),
            record_mark=self._process.record_mark.text,
            trace=task.trace,
            models=dict(task.grants.models),
            tools=dict(task.grants.tools),
            code=task.plan.code,
        )
        try:
            await self._process.send_spec(
                spec, [fd for end in doorbells for fd in end.descriptors()]
            )
        except trio.BrokenResourceError:
            pass  # it has ended; `_end_with_process` reports how
        else:
            task.wiring.close_passed_ends(task.node_id)

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
            return await self._take(await self._process.receive())
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
        self._watchdog.note_message()
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
                | ExportedState()
            ):
                self._receive_control(received)
            case None:
                with trio.move_on_after(_EXIT_SECONDS) as waiting:
                    await self._process.wait()
                if waiting.cancelled_caught:
                    self._failures.append(
                        NodeError(task.node_id, "its process closed its control socket")
                    )
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

    def _exit_error(self, exited: Exit) -> ProcessExitError | MemoryLimitError:
        limit, last_words = self._task.max_memory_bytes, "\n".join(self._process.tail)
        error = ProcessExitError(
            self._task.node_id,
            self._phase,
            exit_status=exited.status,
            signal_name=exited.signal_name,
            stack_trace=last_words,
            hint=exit_hint(exited.signal_name, self._kills_before, limit),
        )
        if limit and is_exhaustion(last_words):
            return MemoryLimitError(error.node_id, limit, error.message, last_words)
        return error

    def _on_output(self, line: str) -> None:
        task = self._task
        log_output(self._log, line, session=task.session_id, node=task.node_id)

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


def _gpu_environment(task: NodeTask) -> dict[str, str]:
    """Return the variables that show a node its own GPU, and no other."""
    gpu = task.plan.gpu
    return {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu.index)}


def _no_refresh() -> None:
    """Do nothing: the process does not answer any more."""
