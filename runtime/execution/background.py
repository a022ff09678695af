"""The background tasks of a node, and what it emits at any time."""

import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import trio

from actors import Output

from ..errors import UnwrappedErrors
from ..links import Item
from .call_clock import CallTimes
from .emission import NO_ITEM, Emission
from .hook_calls import HookCalls
from .node_control import LoopControl, NodeState

_ORIGIN: Final = ContextVar[Item | None]("millrace_origin", default=None)
"""The item that was being processed when the current background task was started."""


@dataclass(frozen=True, slots=True)
class _Start:
    """A task that is to be started.

    Attributes:
        origin: the item that was being processed, without its data; None for none.
    """

    function: Callable[..., Awaitable[object]]
    args: tuple[Any, ...]
    keep_open: bool
    origin: Item | None

    @property
    def name(self) -> str:
        """The name of the function, for errors."""
        inner = getattr(self.function, "func", self.function)
        return getattr(inner, "__name__", type(inner).__name__)


class BackgroundTasks:
    """Runs the background tasks of one actor: `actors.context.NodeTasks`.

    It does not refer to the actor, which refers to it.

    Attributes:
        on_use: is called when the first task is started, or a thread emits the first item. It may
            be called from any thread.
        late_emits: how often something tried to emit after the end of the stream.
    """

    def __init__(
        self, emission: Emission, hooks: HookCalls, control: LoopControl, node_id: str
    ) -> None:
        """Create the tasks.

        Args:
            emission: sends the items.
            hooks: turns exceptions of the actor into errors of the node.
            control: says whether the node is enabled; otherwise its items are dropped.
            node_id: of the node.
        """
        self.on_use: Callable[[], None] = _do_nothing
        self.late_emits = 0
        self._emission = emission
        self._hooks = hooks
        self._control = control
        self._node_id = node_id
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._waiting: list[_Start] = []  # for the node to be ready
        self._nursery: trio.Nursery | None = None
        self._is_used = self._has_ended = False
        self._open = 0  # tasks that keep the stream open
        self._closed = trio.Event()

    @property
    def times(self) -> CallTimes:
        """When the last step of a task began and ended."""
        return self._hooks.task_times

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run the actor's work beside its tasks; then cancel them, and wait for their end.

        Raises:
            NodeError: the actor or a task of it failed.
            PeerError: a reader is gone, or broken.
        """
        times = self._hooks.times
        try:
            with UnwrappedErrors():
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    for start in self._waiting:
                        nursery.start_soon(self._run_task, start)
                    self._waiting.clear()
                    try:
                        await work()
                    finally:
                        if nursery.child_tasks:
                            times[0] = time.perf_counter()  # a task may hang as a hook may
                        # Here, and not by trio, whose frame would refer to the error: see
                        # ActorLoop.
                        nursery.cancel_scope.cancel()
        finally:
            times[1] = max(times[0], times[1], time.perf_counter())
            self._nursery = None
            self._has_ended = True

    async def wait_closed(self) -> None:
        """Wait for the end of the tasks that keep the stream open."""
        if not self._open:
            return
        times = self._hooks.times
        times[0] = time.perf_counter()
        while self._open:
            self._closed = trio.Event()
            await self._closed.wait()
        times[1] = time.perf_counter()

    async def emit(self, data: Output, sequence: int | None, timestamp_ms: int | None) -> None:
        """Emit an item: see `Context.emit`."""
        self._check_running("emit()")
        await trio.lowlevel.checkpoint_if_cancelled()
        with self._hooks.passing_errors():
            item = self._emission.checked("emit", data, _ORIGIN.get())
            if sequence is not None:
                item.sequence = sequence
            if timestamp_ms is not None:
                item.timestamp_ms = timestamp_ms
            if self._control.state is NodeState.ENABLED:
                await self._emission.pass_on(item)
        await self._emission.checkpoint_if_due()

    def emit_from_thread(
        self, data: Output, sequence: int | None, timestamp_ms: int | None
    ) -> None:
        """Emit an item, from a thread: see `Context.emit_from_thread`."""
        if threading.get_ident() == self._thread:
            raise RuntimeError("emit_from_thread() would block the event loop: await emit()")
        self._note_use()
        trio.from_thread.run(self.emit, data, sequence, timestamp_ms, trio_token=self._token)

    def start_soon(
        self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...], *, keep_open: bool
    ) -> None:
        """Start a task: see `Context.start_soon`."""
        origin = self._emission.current
        start = _Start(
            function,
            args,
            keep_open,
            None if origin is NO_ITEM else msgspec.structs.replace(origin, data=NO_ITEM.data),
        )
        self._note_use()
        if threading.get_ident() == self._thread:
            self._start(start)
        else:
            trio.from_thread.run_sync(self._start, start, trio_token=self._token)

    def _start(self, start: _Start) -> None:
        self._check_running("start_soon()")
        self._open += start.keep_open
        if self._nursery is None:
            self._waiting.append(start)
        else:
            self._nursery.start_soon(self._run_task, start, name=start.name)

    async def _run_task(self, start: _Start) -> None:
        _ORIGIN.set(start.origin)
        try:
            await self._hooks.run_task(start.name, start.function, *start.args)
        finally:
            self._open -= start.keep_open
            if start.keep_open and not self._open:
                self._closed.set()

    def _note_use(self) -> None:
        if not self._is_used:
            self._is_used = True
            self.on_use()

    def _check_running(self, call: str) -> None:
        if self._has_ended:
            self.late_emits += 1
            raise RuntimeError(
                f"{call} was called after the stream of node {self._node_id!r} had ended: emit "
                "before flush() returns, and end in cleanup() what would call it later"
            )


def _do_nothing() -> None:
    pass
