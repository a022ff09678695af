"""Reads the responses of one stream. Runs on asyncio."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import InputError, MillraceError, ServerError
from ..events import InitProgress, Result
from ..wire import (
    ChunkResult,
    ErrorResponse,
    StreamClosed,
    StreamMetrics,
    StreamReady,
    StreamResponse,
)
from ..wire.conversion import BundleBuilder, error_of, progress_of, results_of
from .call import ClientCall

T = TypeVar("T")

OnTaken = Callable[[int, int], None]
"""Receives how many chunks a session has taken, and how many items it has dropped."""

# Older progress reports are dropped if the user does not read them.
_PROGRESS_REPORTS: Final = 1000


class ResponseReader:
    """Reads one stream for several waiting tasks, one message at a time.

    No task reads ahead: HTTP/2 flow control holds back messages that no task waits for.

    Attributes:
        ready: set once all nodes are initialized.
        metrics: the latest metrics.
        closed: the last message of a stream that was closed or cancelled, or whose server shuts
            down.
        on_notice: is called when the server tells that it will shut down.
        on_ready: is called with the id of the session.
        on_taken: is called with what the session has taken.
    """

    on_notice: Callable[[], None] | None = None
    on_taken: OnTaken | None = None
    on_ready: Callable[[str], None] | None = None

    def __init__(self, call: ClientCall[StreamResponse]) -> None:
        self.ready: StreamReady | None = None
        self.metrics: StreamMetrics | None = None
        self.closed: StreamClosed | None = None
        self._call = call
        self._bundles = BundleBuilder()
        self._reports: deque[InitProgress] = deque(maxlen=_PROGRESS_REPORTS)
        self._results: deque[Result] = deque()  # of one message; of several after `raise_failure`
        self._is_reading = False
        self._waiting: list[asyncio.Future[None]] = []  # for the task that reads
        self._has_begun = False
        self._ended = False
        self._failure: Callable[[], MillraceError] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether everything was read, or the stream has failed."""
        return self._ended or self._failure is not None

    @property
    def has_failed(self) -> bool:
        """Whether the stream has failed."""
        return self._failure is not None

    async def wait_accepted(self) -> None:
        """Wait for the first message, or the end.

        Raises:
            MillraceError: the stream failed.
        """
        await self._wait_for(lambda: self._has_begun or None)

    async def wait_ready(self) -> StreamReady | None:
        """Return the message `ready`; None if the stream ends before it.

        Raises:
            MillraceError: the stream failed.
        """
        return await self._wait_for(lambda: self.ready)

    async def next_report(self) -> InitProgress | None:
        """Return the next report of a node's initialization; None when all are ready.

        Raises:
            MillraceError: the stream failed.
        """
        found = await self._wait_for(self._report)
        return found if isinstance(found, InitProgress) else None

    async def read_to_end(self) -> None:
        """Read everything; the results wait in memory. An error is for the next reader."""
        while not self.has_ended:
            await self._read_next()

    async def next_result(self) -> Result | None:
        """Return the next result; None at the end.

        Raises:
            MillraceError: the stream failed.
        """
        return await self._wait_for(self.try_result)

    def try_result(self) -> Result | None:
        """Return a result that has arrived; None if there is none."""
        while not self._results and not self._is_reading and self._failure is None:
            response = self._call.try_receive()
            if response is None:
                break
            self._take(response)
        return self._results.popleft() if self._results else None

    def raise_failure(self) -> None:
        """Read the rest of a call that has ended.

        Raises:
            MillraceError: the stream failed.
        """
        while self._call.has_ended and not self._ended and self._failure is None:
            response = self._call.try_receive()
            if response is None:
                self._take_end()
            else:
                self._take(response)
        if self._failure is not None:
            raise self._failure()

    def _report(self) -> InitProgress | StreamReady | None:
        return self._reports.popleft() if self._reports else self.ready

    async def _wait_for(self, find: Callable[[], T | None]) -> T | None:
        while (found := find()) is None and self._continues():
            await self._read_next()
        return found

    async def _read_next(self) -> None:
        if self._is_reading:
            await self._wait_read()
        else:
            await self._read_alone()

    async def _wait_read(self) -> None:
        """Wait until the task that reads has read a message, or was cancelled."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    async def _read_alone(self) -> None:
        self._is_reading = True
        try:
            await self._read()
        finally:
            self._is_reading = False
            # All of them, and not one after the other: what was read may be for any, and the one
            # that reads next may wait for a message that comes only after another has sent.
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)

    def _continues(self) -> bool:
        if self._failure is not None:
            raise self._failure()
        return not self._ended

    async def _read(self) -> None:
        try:
            response = await self._call.receive()
        except MillraceError as error:
            self._fail(error)
            return
        if response is None:
            self._ended = True
        else:
            self._take(response)

    def _take_end(self) -> None:
        error = self._call.error_at_end()
        if error is None:
            self._ended = True
        else:
            self._fail(error)

    def _take(self, response: StreamResponse) -> None:
        self._has_begun = True
        if response.result is not None:
            self._take_result(response.result)
        elif response.metrics is not None:
            self.metrics = response.metrics
        elif response.error is not None:
            self._take_error(response.error)
        elif response.init_progress is not None:
            self._reports.append(progress_of(response.init_progress))
        elif response.ready is not None:
            self.ready = response.ready
            if self.on_ready is not None:
                self.on_ready(response.ready.session_id)
        elif response.closed is not None:
            self.closed = response.closed
        elif response.taken is not None and self.on_taken is not None:
            self.on_taken(response.taken.chunks, response.taken.dropped)
        elif response.draining is not None and self.on_notice is not None:
            self.on_notice()
        # Other members are additions of a newer contract.

    def _take_result(self, message: ChunkResult) -> None:
        # A server that sends results is ready, even if it sends no `ready`.
        self.ready = self.ready or StreamReady()
        try:
            for part in results_of(message):
                result = self._bundles.add(part, message.bundle_size, message.bundle_metadata)
                if result is not None:
                    self._results.append(result)
        except InputError as error:
            self._fail(ServerError(f"the server sent an invalid result: {error}"))

    def _take_error(self, message: ErrorResponse) -> None:
        # A new error for each task that raises it.
        self._failure = self._failure or (lambda: error_of(message))

    def _fail(self, error: MillraceError) -> None:
        self._failure = self._failure or (lambda: error)
