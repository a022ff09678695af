"""A node's own process: the same actor loop, with its links and its control socket."""

import faulthandler
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

import msgspec
import trio

from actors import Actor, Context, Progress

from ...catalogue import load_actor
from ...errors import (
    MAX_PROGRESS_CHARACTERS,
    ErrorRecord,
    HookError,
    NodeError,
    SharedMemoryError,
    shortened,
    sole_error,
    text_of,
    trace_of,
)
from ...links import BlockingWaiting, Inbox, Interrupt, Notice, Output
from ...links.shared import DoorbellEnd, SharedEnds, no_pages_left, open_shared_ends
from ..actor_loop import ActorLoop
from ..fork_guard import ForkGuard, describe_fork
from ..hook_calls import is_synchronous
from ..interrupts import is_from_signal
from ..node_tracer import tracer_of
from ..profiling import sampling_if_requested
from ..statistics import NodeStatistics
from ..traced_loop import actor_loop_of, load_recorded
from .activity import Activity
from .breakpoints import set_breakpoint_hook
from .escaped_errors import escaped_errors_reported
from .memory_limit import is_at_limit, is_exhaustion, limit_memory, raise_soft_limit
from .messages import (
    LENGTH,
    Done,
    Failure,
    FromNode,
    NodeSpec,
    ProgressReport,
    Ready,
    Stack,
    StackRequest,
    StatisticsReport,
    StatisticsRequest,
    ToNode,
    framed,
    receive_descriptors,
    receive_spec,
)
from .node_control import NodeEnd
from .span_sender import SpanSender
from .stack_dump import dump_stacks_on_signal
from .supervisor import die_with_parent

# Mostly a few bytes; the replacement of a video frame is megabytes.
_READ_BYTES: Final = 64 * 1024
# An error is reported within this time, also where a tap has much to send.
_FLUSH_SECONDS: Final = 0.2


class StopNow(KeyboardInterrupt):
    """SIGTERM came while the actor's own code was running: break it off.

    A KeyboardInterrupt, because that is what code already knows to let through.
    """


def run_node_process(control: int) -> int:
    """Run the node that the control socket tells of; return the process's exit status."""
    die_with_parent(signal.SIGKILL)
    faulthandler.enable()
    dump_stacks_on_signal(1)
    sock = socket.socket(fileno=control)
    try:
        spec = receive_spec(sock)
        passed = receive_descriptors(sock, spec.descriptors)
    except EOFError:
        return 0  # the session was cancelled meanwhile
    os.environ.update(spec.environment)
    if spec.sys_path:
        sys.path[:] = spec.sys_path
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sock.setblocking(False)
    set_breakpoint_hook(spec.node_id)
    try:
        with sampling_if_requested() as stacks:
            node = _Node(spec, sock, stacks, Activity(passed[0]))
            os.close(passed[0])
            status = trio.run(node.run, _doorbells(passed[1:]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def _doorbells(descriptors: list[int]) -> list[DoorbellEnd]:
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    pairs = iter(descriptors)
    return [DoorbellEnd(*pair) for pair in zip(pairs, pairs, strict=True)]


class _Node:
    """One node, from its first report to its last."""

    def __init__(
        self,
        spec: NodeSpec,
        sock: socket.socket,
        stacks: dict[str, dict[str, float]],
        activity: Activity,
    ) -> None:
        self._spec = spec
        self._activity = activity
        self._stacks = stacks
        self._sock = sock
        self._stop_request = Interrupt()
        self._waiting = BlockingWaiting([sock.fileno(), self._stop_request.fileno()])
        self._inbox = Inbox(self._waiting)
        self._output = Output()
        self._loop: ActorLoop | None = None
        self._control: NodeEnd | None = None
        self._finished = False
        self._escaped: NodeError | None = None
        self._fork_guard = ForkGuard(self._report_copy)
        self._is_answering = False
        self._cleaning_up = False
        self._turn = trio.Lock()
        self._spans = SpanSender(self._report, self._send)

    async def run(self, doorbells: list[DoorbellEnd]) -> int:
        """Run to the end, and return the exit status."""
        try:
            with open_shared_ends(self._spec.domain, self._end_without_memory) as shared:
                try:
                    self._open_links(shared, doorbells)
                    return await self._run_until_asked()
                finally:
                    self._inbox.close()
                    self._output.close()
        except SharedMemoryError as error:
            await self._report_failure(error.at(self._spec.node_id))  # noqa: ASYNC120
            return 1
        finally:
            self._stop_request.close()

    def _open_links(self, shared: SharedEnds, doorbells: list[DoorbellEnd]) -> None:
        count = len(self._spec.readers)
        for reader, ear in zip(self._spec.readers, doorbells[:count], strict=True):
            self._inbox.add_reader(shared.open_reader(reader, ear))
        if self._spec.writer is not None:
            writer = shared.open_writer(self._spec.writer, doorbells[count:], self._waiting)
            self._output = Output(writers=[writer])

    async def _run_until_asked(self) -> int:
        failure: NodeError | SharedMemoryError | None = None
        with (
            trio.CancelScope() as scope,
            self._stopped_by_sigterm(scope),
            escaped_errors_reported(self._reporter_of_escaped(scope)),
        ):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, nursery.cancel_scope)
                    await self._run_actor(nursery)
                    await trio.sleep_forever()  # others may still read what this process published
            except BaseExceptionGroup as group:
                error = sole_error(group)
                if isinstance(error, NodeError | SharedMemoryError):
                    failure = error
                elif not isinstance(error, StopNow):
                    raise
        failure = failure or self._escaped
        if failure is None:
            return 0
        await self._report_failure(failure)
        return 1

    def _reporter_of_escaped(self, scope: trio.CancelScope) -> Callable[[str, BaseException], None]:
        """Return a function that ends the node, from any thread."""
        token = trio.lowlevel.current_trio_token()

        def report(place: str, error: BaseException) -> None:
            message = f"{place} raised {type(error).__name__}: {text_of(error)}"
            self._escaped = NodeError(self._spec.node_id, message, stack_trace=trace_of(error))
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)
                self._stop_request.set()

        return report

    async def _run_actor(self, nursery: trio.Nursery) -> None:
        spec = self._spec
        context = Context(
            spec.node_id,
            spec.session_id,
            report=self._report_progress,
            loan=self._output.loan,
        )
        limit_memory(spec.max_memory_bytes)
        nursery.start_soon(self._spans.run)
        tracer = tracer_of(spec.trace, context, self._spans.record)
        with load_recorded(tracer):
            actor = self._make_actor(context)
        if is_synchronous(actor):
            self._waiting.is_sole_task = self._is_sole_task
        self._loop = actor_loop_of(tracer)(
            actor,
            context,
            self._inbox,
            self._output,
            announce=self._send,
            times=self._activity.times,
            fork_guard=self._fork_guard,
        )
        self._control = NodeEnd(self._loop, spec.node_id, self._send)
        nursery.start_soon(self._control.send_tapped)
        cleaned_up = False
        try:
            await self._loop.initialize()
            await self._send(Ready(type(actor).process_timeout_secs))
            await self._loop.run()
            cleaned_up = True
            await self._clean_up()
        except (NodeError, SharedMemoryError) as error:
            # What a tap saw before the error is what a developer looks for.
            await self._control.flush(_FLUSH_SECONDS)  # noqa: ASYNC120 (bounded)
            await self._report_failure(error)  # noqa: ASYNC120 (it shields itself)
            self._finished = True
            raise
        finally:
            if not cleaned_up:
                try:
                    await self._clean_up()  # noqa: ASYNC102 (it shields itself, with a deadline)
                except NodeError:
                    logging.getLogger(__name__).exception("cleanup() failed after another error")
        await self._control.flush(spec.grace_seconds)
        await self._spans.flush()
        await self._send(Done(self._statistics()))

    async def _clean_up(self) -> None:
        assert self._loop is not None
        self._cleaning_up = True
        with trio.move_on_after(self._spec.grace_seconds, shield=True):
            await self._loop.cleanup()

    def _make_actor(self, context: Context) -> Actor[Any]:
        try:
            actor_type = load_actor(self._spec.target)
            params = actor_type.params_type.model_validate_json(self._spec.params)
            return actor_type(params, context=context)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_from_signal(error):
                raise
            # A constructor awaits nothing, so this is never trio.Cancelled.
            raise HookError.of(self._spec.node_id, "__init__", error) from error  # noqa: ASYNC104
        finally:
            if self._fork_guard.is_copy:
                self._fork_guard.end_copy(self._spec.node_id, "__init__")

    def _end_without_memory(self) -> None:
        """Report that a page of shared memory is missing, and end the process; see `BusErrors`."""
        self._report(
            Failure(ErrorRecord.of(SharedMemoryError(no_pages_left()).at(self._spec.node_id)))
        )
        os._exit(1)

    def _report_copy(self, node_id: str, hook: str) -> None:
        """Report from a forked copy of this process, whose socket is this process's too."""
        error = NodeError(node_id, describe_fork(hook))
        with suppress(OSError):
            self._sock.send(framed(Failure(ErrorRecord.of(error))))

    async def _listen(self, stop: trio.CancelScope) -> None:
        """Answer the server; when it closes the socket, stop."""
        received = bytearray()
        while True:
            self._is_answering = False
            await trio.lowlevel.wait_readable(self._sock)
            self._is_answering = True
            try:
                data = self._sock.recv(_READ_BYTES)
            except OSError:
                data = b""
            if not data:
                stop.cancel()
                return
            received += data
            while len(received) >= LENGTH.size:
                (length,) = LENGTH.unpack_from(received)
                if len(received) < LENGTH.size + length:
                    break
                body = bytes(received[LENGTH.size : LENGTH.size + length])
                del received[: LENGTH.size + length]
                if self._loop is not None:
                    message: ToNode = msgspec.msgpack.decode(body, type=ToNode)
                    match message:
                        case Notice():
                            self._loop.notify(message)
                        case StackRequest():
                            await self._send(Stack(self._loop.stack()))
                        case StatisticsRequest():
                            await self._send(StatisticsReport(self._statistics()))
                        case _:
                            assert self._control is not None
                            await self._control.apply(message)

    def _is_sole_task(self) -> bool:
        """Return whether only the actor's own task has anything to do."""
        sends_nothing = self._spans.is_idle and self._has_sent_tapped()
        return not self._is_answering and self._output.is_idle() and sends_nothing

    def _has_sent_tapped(self) -> bool:
        return self._control is None or self._control.is_idle

    def _statistics(self) -> NodeStatistics:
        assert self._loop is not None
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return msgspec.structs.replace(
            self._loop.statistics,
            stacks=self._stacks.get(self._spec.node_id, {}),
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            memory_bytes=usage.ru_maxrss * 1024,
            received=self._inbox.statistics(),
            sent=self._output.statistics(),
        )

    async def _report_failure(self, error: NodeError | SharedMemoryError) -> None:
        if self._finished:
            return
        if is_exhaustion(error.stack_trace):
            raise_soft_limit()
        elif is_at_limit():
            # The interpreter turns some failed allocations into other exceptions.
            raise_soft_limit()
            error.stack_trace += "\nMemoryError: the process has reached its memory limit\n"
        with trio.move_on_after(self._spec.grace_seconds, shield=True):
            await self._spans.flush()
            await self._send(Failure(ErrorRecord.of(error)))

    def _report_progress(self, progress: Progress) -> None:
        message = shortened(progress.message, MAX_PROGRESS_CHARACTERS)
        self._report(ProgressReport(progress.status, progress.fraction, message))

    def _report(self, message: FromNode) -> bool:
        """Send at once, from synchronous code; return False where that would take waiting."""
        if self._turn.locked():
            return False
        data = framed(message)
        try:
            sent = self._sock.send(data)
        except OSError:
            return False
        if sent < len(data):
            self._sock.setblocking(True)
            self._sock.sendall(data[sent:])
            self._sock.setblocking(False)
        return True

    async def _send(self, message: FromNode) -> None:
        data = memoryview(framed(message))
        async with self._turn:
            while data:
                try:
                    data = data[self._sock.send(data) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._sock)
                except OSError:
                    return  # the server is gone, and the end of its socket stops this process

    @contextmanager
    def _stopped_by_sigterm(self, scope: trio.CancelScope) -> Iterator[None]:
        token = trio.lowlevel.current_trio_token()

        def stop(_number: int, _frame: FrameType | None) -> None:
            # An actor may be in a long call, and then no cancellation reaches it: break it off.
            # trio's own code must not be, and cleaning up should not.
            if not self._cleaning_up and not trio.lowlevel.currently_ki_protected():
                raise StopNow
            token.run_sync_soon(scope.cancel)
            self._stop_request.set()

        previous = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)
