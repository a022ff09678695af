"""Keeps a forkserver running for as long as the runtime lives."""

import logging
import signal
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio

from ...errors import MillraceError, PipelineError, UnwrappedErrors
from .forkserver import FORK_SECONDS, Forkserver, ForkTimeoutError, open_forkserver
from .node_process import NodeProcess

_HEARTBEAT_SECONDS: Final = 5.0
# One that ends sooner is not started again before a session needs it.
_SHORT_LIFE_SECONDS: Final = 5.0

_log = logging.getLogger("millrace.forkserver")


class ForkserverKeeper:
    """Forks node processes, and replaces a forkserver that has ended or does not answer.

    The node processes of a forkserver end with it, and their sessions fail. Later sessions use the
    next one.
    """

    def __init__(self, without: Collection[str] = ()) -> None:
        self._without = without
        self._forkserver: Forkserver | None = None
        self._start_error: MillraceError | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._wanted = trio.Event()

    async def fork(
        self, executable: str | None = None, *, timeout_seconds: float = FORK_SECONDS
    ) -> NodeProcess:
        """Return a new process that waits for its NodeSpec. The caller must end it.

        Args:
            executable: the path of another Python interpreter, which has this package too.
            timeout_seconds: how long it may take, the start of another forkserver included.

        Raises:
            LimitError: this process has no descriptor left, or the system no process.
            ForkTimeoutError: no process was forked in time.
            PipelineError: the forkserver has ended, or another one does not start.
        """
        began, forkserver = trio.current_time(), self._forkserver
        try:
            if forkserver is None:
                with trio.fail_after(timeout_seconds):
                    forkserver = await self._started()
            left = timeout_seconds - (trio.current_time() - began)
            return await forkserver.fork(executable, timeout_seconds=min(left, FORK_SECONDS))
        except (ForkTimeoutError, trio.TooSlowError) as error:
            if forkserver is not None and forkserver is self._forkserver:
                self._repair(forkserver)
            seconds = trio.current_time() - began
            raise ForkTimeoutError(
                f"the forkserver did not fork a process in {seconds:.1f} s"
            ) from error

    async def fork_template(self) -> NodeProcess:
        """Return a new process that waits for its TemplateSpec. The caller must end it."""
        with trio.fail_after(FORK_SECONDS):
            return await (await self._started()).fork_template()

    async def run(  # noqa: ASYNC114, ASYNC128 (its caller awaits the start that _run_one reports)
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Keep a forkserver running.

        Raises:
            LimitError: no resources are left for the first one.
            PipelineError: the first one does not start.
        """
        await self._run_one(task_status)
        while True:
            began = trio.current_time()
            try:
                await self._run_one()
            except MillraceError as error:
                _log.error("another forkserver cannot be started: %s", error)
                self._start_error = error
                self._changed.unpark_all()
            if trio.current_time() - began < _SHORT_LIFE_SECONDS:
                self._wanted = trio.Event()
                await self._wanted.wait()

    async def _run_one(  # noqa: ASYNC114 (the caller of `run` awaits its start)
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        async with (
            open_forkserver(self._without) as (forkserver, process),
            trio.open_nursery() as nursery,
        ):
            self._forkserver, self._start_error = forkserver, None
            self._changed.unpark_all()
            task_status.started()
            nursery.start_soon(self._watch, forkserver)
            try:
                status = await process.wait()
            finally:
                self._forkserver = None
            _log.error("the forkserver ended (%s), and its node processes with it", status)
            nursery.cancel_scope.cancel()

    async def _watch(self, forkserver: Forkserver) -> None:
        """Check that the forkserver answers, from time to time."""
        while True:
            await trio.sleep(_HEARTBEAT_SECONDS)
            with trio.move_on_after(FORK_SECONDS) as waiting, suppress(PipelineError):
                await forkserver.ping()
            if waiting.cancelled_caught:
                self._repair(forkserver)

    def _repair(self, forkserver: Forkserver) -> None:
        """Continue a forkserver that is stopped; kill one that does not answer, to replace it."""
        if forkserver.is_stopped():
            _log.error("a signal has stopped the forkserver; it is continued")
            forkserver.signal(signal.SIGCONT)
        elif forkserver.unanswered_seconds >= FORK_SECONDS:
            _log.error("the forkserver does not answer; it is killed, with its node processes")
            forkserver.signal(signal.SIGKILL)

    async def _started(self) -> Forkserver:
        """Return the forkserver; wait for the next one if it has ended."""
        if self._forkserver is None:
            self._start_error = None
            self._wanted.set()
        while self._forkserver is None:
            if self._start_error is not None:
                raise self._start_error
            await self._changed.park()
        return self._forkserver


@asynccontextmanager
async def open_forkserver_keeper(
    without: Collection[str] = (),
) -> AsyncIterator[ForkserverKeeper]:
    """Start a forkserver, and keep one running for as long as the block lasts.

    Args:
        without: variables of the environment that node processes do not inherit.

    Raises:
        LimitError: no resources are left for it.
        PipelineError: it does not start.
    """
    with UnwrappedErrors():
        async with trio.open_nursery() as nursery:
            keeper = ForkserverKeeper(without)
            await nursery.start(keeper.run)
            yield keeper
            nursery.cancel_scope.cancel()
