"""Runs the hooks of an actor on asyncio: one task of an asyncio loop, inside trio.

The loop is trio-asyncio's, in the server and in a node process alike. So both places behave the
same, virtual time is that of trio, and nothing but the task of the node itself runs on asyncio.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Any, Final

import outcome
import trio

from actors import Actor
from actors.context import NodeTasks, Output

from ..errors import UnwrappedErrors

# A hook that catches its cancellation, as asyncio delivers it only once, is cancelled again.
_RETRY_SECONDS: Final = 1.0

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class _Job:
    """A function that a task of asyncio calls for a task of trio."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.ended = trio.Event()
        self.task: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self.result: outcome.Outcome[Any] | None = None

    async def run(self) -> None:
        """Call the function, and await its result if it is awaitable."""
        task = self.task = asyncio.current_task()
        assert task is not None
        try:
            if self.is_cancelled:
                raise asyncio.CancelledError
            result = self.call()
            if inspect.isawaitable(result):
                result = await result
            self.result = outcome.Value(result)
        except BaseException as error:  # noqa: ASYNC103, BLE001 (raised in the task of trio)
            self.result = outcome.Error(error)
        while task.uncancel():  # the task goes on to the next call
            pass
        self.ended.set()

    def cancel(self) -> None:
        """Cancel the call."""
        self.is_cancelled = True
        if self.task is not None:
            self.task.cancel()

    def take_result(self) -> object:
        """Return the result, or raise the error; without a reference from here to it."""
        result, self.result = self.result, None
        assert result is not None
        try:
            return result.unwrap()
        finally:
            del result


class AsyncioHooks:
    """Calls functions of one actor in one task of asyncio.

    Libraries of asyncio tie timeouts and sessions to the task that uses them, also over several
    calls and over the items of an async generator. A call that comes while another one runs gets a
    task of its own.

    Attributes:
        loop: the asyncio loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._current: _Job | None = None
        self._own_tasks: set[asyncio.Task[None]] = set()

    async def call(self, function: Callable[..., object], *args: object) -> object:
        """Call a hook on asyncio from a trio task, and return its result, awaited.

        A cancellation of the trio task cancels the call, and waits for its end.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        job = _Job(partial(function, *args))
        del args  # they may view shared memory
        if self._current is not None:
            self._start(job.run())
            return await self._ended(job)
        self._current = job
        self._jobs.put_nowait(job)
        try:
            return await self._ended(job)
        finally:
            self._current = None

    async def run_task(self, function: Callable[..., object], *args: object) -> object:
        """Call a function as `call` does, in a task of its own: for what runs beside the hooks."""
        await trio.lowlevel.checkpoint_if_cancelled()
        job = _Job(partial(function, *args))
        del args
        self._start(job.run())
        return await self._ended(job)

    async def await_trio(self, function: Callable[..., Awaitable[object]], *args: object) -> object:
        """Call an async function of trio from a task of asyncio, and cancel it with the task."""
        import trio_asyncio

        result: object = await trio_asyncio.trio_as_aio(function)(*args)
        return result

    async def _ended(self, job: _Job) -> object:
        try:
            await job.ended.wait()
        except trio.Cancelled:  # noqa: ASYNC103 (a result in spite of it is returned)
            with trio.CancelScope(shield=True):
                while not job.ended.is_set():
                    job.cancel()
                    with trio.move_on_after(_RETRY_SECONDS):
                        await job.ended.wait()
            if isinstance(job.result, outcome.Error) and isinstance(
                job.result.error, asyncio.CancelledError
            ):
                job.result = None
                raise
        return job.take_result()

    def is_calling(self, frame: FrameType) -> bool:
        """Return whether this frame is that of a call, whose inner frames are the hook's."""
        return frame.f_code is _Job.run.__code__ and frame.f_locals.get("self") is self._current

    def running_tasks(self) -> list[str]:
        """Return the names of the tasks that the actor has started, and that still run."""
        tasks = asyncio.all_tasks(self.loop) - self._own_tasks
        return sorted(task.get_name() for task in tasks)

    def start(self) -> None:
        """Start the task."""
        self._start(self._run())

    def _start(self, coroutine: Any) -> None:
        task = self.loop.create_task(coroutine)
        self._own_tasks.add(task)
        task.add_done_callback(self._own_tasks.discard)

    async def _run(self) -> None:
        while True:
            await (await self._jobs.get()).run()


class AsyncioTasks:
    """The background tasks of an actor on asyncio, and what they emit: `actors.context.NodeTasks`.

    Args:
        tasks: run and emit on trio.
        hooks: call the actor.
    """

    def __init__(self, tasks: NodeTasks, hooks: AsyncioHooks) -> None:
        self._tasks = tasks
        self._hooks = hooks

    async def emit(self, data: Output, sequence: int | None, timestamp_ms: int | None) -> None:
        """Emit an item."""
        await self._hooks.await_trio(self._tasks.emit, data, sequence, timestamp_ms)

    def emit_from_thread(
        self, data: Output, sequence: int | None, timestamp_ms: int | None
    ) -> None:
        """Emit an item, from a thread."""
        self._tasks.emit_from_thread(data, sequence, timestamp_ms)

    def start_soon(
        self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...], *, keep_open: bool
    ) -> None:
        """Start a task, on asyncio."""

        async def run() -> object:
            return await self._hooks.run_task(function, *args)

        inner = getattr(function, "func", function)
        run.__name__ = getattr(inner, "__name__", type(inner).__name__)
        self._tasks.start_soon(run, (), keep_open=keep_open)


def tasks_on(hooks: AsyncioHooks | None, tasks: NodeTasks) -> NodeTasks:
    """Return what runs background tasks where the hooks run; None stands for trio."""
    return tasks if hooks is None else AsyncioTasks(tasks, hooks)


@asynccontextmanager
async def open_hook_loop(actor: Actor[Any]) -> AsyncIterator[AsyncioHooks | None]:
    """Open the asyncio loop that an actor's hooks run on; None if they run on trio.

    What the actor has started there, and has not ended in `cleanup`, is cancelled and named in the
    log.
    """
    if actor.loop != "asyncio":
        yield None
        return
    import trio_asyncio

    log = actor.context.log
    del actor
    with UnwrappedErrors():
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(partial(_log_exception, log))
            hooks = AsyncioHooks(loop)
            hooks.start()
            try:
                yield hooks
            finally:
                left = hooks.running_tasks()
                if left:
                    log.warning(
                        "asyncio tasks that this node started are still running after cleanup(): "
                        "%s; cancel and await them there",
                        ", ".join(left),
                    )


def _log_exception(log: Log, _loop: object, context: dict[str, Any]) -> None:
    """Log an exception that nobody awaits, as asyncio does; trio-asyncio would end the loop."""
    log.error(context.get("message", "an asyncio task failed"), exc_info=context.get("exception"))
