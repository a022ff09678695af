"""One node in the process that runs it, whatever its links are."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, Final

import trio

from actors import Actor, Context

from ...errors import (
    ErrorRecord,
    HookError,
    NodeError,
    SharedMemoryError,
    described,
    sole_error,
    trace_of,
)
from ...links import BlockingWaiting, Inbox, Interrupt, Output
from ...links.shared import no_pages_left
from ..asyncio_hooks import open_hook_loop
from ..fork_guard import ForkGuard, describe_fork
from ..hook_calls import is_synchronous
from ..interrupts import is_from_signal
from ..node_tracer import tracer_of
from ..statistics import NodeStatistics
from ..traced_loop import actor_loop_of, load_recorded
from .control_socket import ControlSocket
from .escaped_errors import escaped_errors_reported
from .memory_limit import is_at_limit, is_exhaustion, limit_memory, raise_soft_limit
from .messages import (
    Failure,
    NodeSpec,
)
from .node_run import NodeActivity, NodeRun
from .preloaded import Preloaded
from .statistics_push import of_process

# An error is reported within this time, also where a tap has much to send.
_FLUSH_SECONDS: Final = 0.2


class StopNow(KeyboardInterrupt):
    """SIGTERM came while the actor's own code was running: break it off.

    A KeyboardInterrupt, because that is what code already knows to let through.
    """


class NodeMain(NodeRun):
    """One node, from its first report to its last, in the process that runs it.

    Args:
        spec: of the node.
        sock: its control socket, non-blocking.
        stacks: samples of its stacks, by its id, if it is profiled.
        activity: what the actor is doing, and where a tap finds outputs.
        preloaded: resources that are loaded already.
    """

    def __init__(
        self,
        spec: NodeSpec,
        sock: socket.socket,
        stacks: dict[str, dict[str, float]],
        activity: NodeActivity,
        preloaded: Preloaded,
    ) -> None:
        self._stop_request = Interrupt()
        self._waiting = BlockingWaiting([sock.fileno(), self._stop_request.fileno()])
        super().__init__(spec, sock, activity, self._waiting)
        self._stacks, self._preloaded = stacks, preloaded
        self._escaped: NodeError | None = None
        self._fork_guard = ForkGuard(self._report_copy)
        self._is_ending = self._is_on_asyncio = False

    @property
    def control_socket(self) -> ControlSocket:
        """Messages to the server."""
        return self._socket

    @property
    def waiting(self) -> BlockingWaiting:
        """How the ends of the node's links wait."""
        return self._waiting

    @property
    def inbox(self) -> Inbox:
        """The node's inbox, which links are added to before it runs."""
        return self._inbox

    def clock(self) -> int:
        """Return the time of the session's clock, in nanoseconds: when a generated item entered."""
        return time.monotonic_ns()

    def close(self) -> None:
        """Let go of what the node has of its own. Its links are whoever opened them's."""
        self._stop_request.close()

    async def run(self, output: Output) -> int:
        """Run the node with the links that are in its inbox, and this output.

        Returns:
            The exit status.
        """
        self._output = output
        return await self._run_until_asked()

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
                    async with AsyncExitStack() as stack:
                        await self._run_actor(nursery, stack)
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
        await self.report_failure(failure)
        return 1

    def _reporter_of_escaped(self, scope: trio.CancelScope) -> Callable[[str, BaseException], None]:
        """Return a function that ends the node, from any thread."""
        token = trio.lowlevel.current_trio_token()

        def report(place: str, error: BaseException) -> None:
            message = f"{place} raised {described(error)}"
            self._escaped = NodeError(self._spec.node_id, message, stack_trace=trace_of(error))
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)
                self._stop_request.set()

        return report

    async def _run_actor(self, nursery: trio.Nursery, stack: AsyncExitStack) -> None:
        spec = self._spec
        context = self._context(self._preloaded)
        limit_memory(spec.max_memory_bytes)
        nursery.start_soon(self._spans.run)
        nursery.start_soon(self._hops.run)
        tracer = tracer_of(spec.trace, context, self._spans.record)
        with load_recorded(tracer):
            actor = self._make_actor(context)
        self._waiting.is_sole_task = self.is_sole_task if is_synchronous(actor) else self._note_wait
        self._is_on_asyncio = actor.loop == "asyncio"
        loop = actor_loop_of(tracer)(
            actor,
            context,
            self._inbox,
            self._output,
            announce=self._socket.send,
            grace_seconds=spec.grace_seconds,
            times=self._activity.times,
            fork_guard=self._fork_guard,
            asyncio_hooks=await stack.enter_async_context(open_hook_loop(actor)),
            clock=self.clock,
        )
        loop.background.on_use = self._wait_with_trio
        push = self._attach(loop, nursery)
        self._waiting.seconds_left = push.seconds_left
        self._waiting.on_wake = push.note_activity
        await self._run_loop(type(actor).process_timeout_secs)

    def _raise_escaped(self) -> None:
        if self._escaped is not None:  # the loop may have had no turn to be cancelled in
            raise self._escaped

    def _is_in_asyncio(self, frame: FrameType | None) -> bool:
        """Return whether the asyncio loop of the actor runs here, and none of its hooks."""
        return (
            self._is_on_asyncio
            and self._loop is not None
            and not (frame is not None and self._loop.frames(frame))
        )

    async def _listen(self, stop: trio.CancelScope) -> None:
        await super()._listen(stop)
        self._is_ending = True  # before any other task has a turn

    async def _clean_up(self) -> None:
        self._is_ending = True
        await super()._clean_up()

    def _make_actor(self, context: Context) -> Actor[Any]:
        try:
            actor_type = self._spec.load_actor()
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

    def end_without_memory(self) -> None:
        """Report that a page of shared memory is missing, and end the process; see `BusErrors`."""
        self._socket.report(
            Failure(ErrorRecord.of(SharedMemoryError(no_pages_left()).at(self._spec.node_id)))
        )
        os._exit(1)

    def _report_copy(self, node_id: str, hook: str) -> None:
        """Report from a forked copy of this process, whose socket is this process's too."""
        error = NodeError(node_id, describe_fork(hook))
        self._socket.report_from_copy(Failure(ErrorRecord.of(error)))

    def is_sole_task(self) -> bool:
        """Return whether only the actor's own task has anything to do."""
        return (
            not self._socket.is_answering
            and (self._control is None or self._control.is_idle)
            and self._spans.is_idle
            and self._hops.is_idle
            and (self._push is None or not self._push.is_due())
        )

    def _wait_with_trio(self) -> None:
        """Wait as async actors do from now on: the actor has tasks of its own, or threads."""
        self._waiting.is_sole_task = self._note_wait
        self._stop_request.set()  # a thread calls this while the process waits

    def _note_wait(self) -> bool:
        """Note that an async actor waits, whose process always has other tasks."""
        if self._push is not None:
            self._push.note_wait()
        return False

    def _statistics(self) -> NodeStatistics:
        assert self._loop is not None
        stacks = self._stacks.get(self._spec.node_id, {})
        return of_process(self._loop.statistics, self._inbox, self._output, stacks)

    async def report_failure(self, error: NodeError | SharedMemoryError) -> None:
        """Report the error that ends the node."""
        if self._finished:
            return
        if is_exhaustion(error.stack_trace):
            raise_soft_limit()
        elif is_at_limit():
            # The interpreter turns some failed allocations into other exceptions.
            raise_soft_limit()
            error.stack_trace += "\nMemoryError: the process has reached its memory limit\n"
        await super().report_failure(error)

    @contextmanager
    def _stopped_by_sigterm(self, scope: trio.CancelScope) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # no signal arrives here
            return
        token = trio.lowlevel.current_trio_token()

        def stop(_number: int, frame: FrameType | None) -> None:
            # An actor may be in a long call, and then no cancellation reaches it: break it off.
            # trio's own code must not be, and cleaning up should not: neither cleanup() nor a hook
            # that ends because it was cancelled, as the server has closed the socket. Nor must that
            # of an asyncio loop, whose hooks end with it.
            protected = trio.lowlevel.currently_ki_protected() or self._is_in_asyncio(frame)
            if not (self._is_ending or protected):
                raise StopNow
            self._is_ending = True
            token.run_sync_soon(scope.cancel)
            self._stop_request.set()

        previous = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)
