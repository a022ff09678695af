"""The proxy of a node process in the server.

Data does not pass through the proxy: it goes from process to process. The proxy starts the node,
relays its progress, watches it and ends it.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from actors import DataError

from ..errors import (
    MemoryLimitError,
    NodeError,
    ProcessExitError,
    ProcessTimeoutError,
)
from ..execution.process import (
    ControlToNode,
    Exit,
    NodeSpec,
    RunningNode,
    ServerEnd,
    Watchdog,
    exit_hint,
    is_exhaustion,
    out_of_memory_kills,
)
from ..logs import log_output
from .contract import NodeTask
from .node_messages import NodeMessages

# What a process has written before its end is all there at its end; only a process that it started
# itself, and that holds the socket open, can make the proxy wait this long.
_LAST_WORDS_SECONDS: Final = 0.2
# A process that has closed its socket is about to end. Its exit status tells why, also on a machine
# that is busy.
_EXIT_SECONDS: Final = 2.0
# For the output that is still in the pipe then: 64 KiB, of 3,000 lines perhaps, on a busy machine.
_LAST_OUTPUT_SECONDS: Final = 2.0


class NodeProxy(NodeMessages):
    """Represents the process of one node in the server."""

    def __init__(self, task: NodeTask, process: RunningNode) -> None:
        super().__init__(task, process)
        self._process = process
        self._kills_before = out_of_memory_kills()
        self._watchdog = Watchdog(process, self._request_statistics)
        # Also while the node is ended: it must not find its pipe full, and its last lines matter.
        self._output_scope = trio.CancelScope(shield=True)
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
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_with_process, scope)
                await self._give_spec()
                await self._follow(nursery, scope)
                nursery.cancel_scope.cancel()

    def _open_server_end(
        self,
        send: Callable[[ControlToNode], None],
        start: Callable[..., None],
        on_malformed: Callable[[DataError], None],
    ) -> ServerEnd:
        memory = partial(getattr, self._process.activity, "tap_memory")
        return ServerEnd(self._task.node_id, send, start, memory, on_malformed)

    def _note_message(self) -> None:
        self._watchdog.note_message()

    def _on_ready(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        nursery.start_soon(self._end_if_hung, scope)

    async def _on_close(self) -> None:
        with trio.move_on_after(_EXIT_SECONDS) as waiting:
            await self._process.wait()
        if waiting.cancelled_caught:
            self._failures.append(
                NodeError(self._task.node_id, "its process closed its control socket")
            )

    def _request_statistics(self) -> None:
        self._task.refresh()

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

    def _exit_error(self, exited: Exit) -> NodeError | MemoryLimitError:
        limit, last_words = self._task.max_memory_bytes, "\n".join(self._process.tail)
        if self._process.hung:
            return ProcessTimeoutError(
                self._task.node_id, self._process.hung, stack_trace=last_words
            )
        error = ProcessExitError(
            self._task.node_id,
            self._phase,
            exit_status=exited.status,
            signal_name=exited.signal_name,
            stack_trace=last_words,
            hint=exit_hint(exited.status, exited.signal_name, self._kills_before, limit),
        )
        if limit and is_exhaustion(last_words):
            return MemoryLimitError(error.node_id, limit, error.message, last_words)
        return error

    def _on_output(self, line: str) -> None:
        task = self._task
        log_output(self._log, line, session=task.session_id, node=task.node_id)


def _gpu_environment(task: NodeTask) -> dict[str, str]:
    """Return the variables that show a node its own GPU, and no other."""
    gpu = task.plan.gpu
    return {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu.index)}
