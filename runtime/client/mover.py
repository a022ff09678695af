"""Moves a stream to another server when its own shuts down. Runs on asyncio."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from ..errors import LimitError, ServerError, UnreachableError
from ..wire import StreamControl, StreamControlCommand, StreamInit, StreamRequest
from .call import CallEndedError
from .sent_chunks import SentChunks
from .servers import Servers, StreamCall

# Between attempts to open the stream elsewhere, while the old server still runs it.
_PAUSE_SECONDS: Final = 0.25
# For another server to accept the stream, after the old one has ended it.
_LATE_SECONDS: Final = 10.0


class Mover:
    """Goes on with a stream at another server, when its own shuts down.

    1. When the server tells so, the stream is opened at another one, until its nodes are ready.
       Chunks and results go on as before.
    2. The old stream is closed. The old server sends the results of what it has taken, how many
       chunks that were, and what its nodes remember, if they do. Chunks wait meanwhile.
    3. That state is sent to the new server, then chunks that were not taken, then those that wait.
       The results of the new server come after those of the old one.

    No chunk is processed twice, so no result comes twice, and order is kept. A server that ends the
    stream earlier, because its time is over, is left in the same way.

    Attributes:
        current: the call that takes chunks.
        ended_by: the name of the method by which the user has ended the input; empty before.
        is_switching: whether chunks wait for the next server.

    Args:
        servers: where the stream can run.
        first: the stream at its first server.
        init: the first message of the stream.
    """

    def __init__(
        self, servers: Servers, first: StreamCall, init: StreamInit, metadata: Mapping[str, str]
    ) -> None:
        self.current = first
        self.ended_by = ""
        self.is_switching = False
        self._servers = servers
        self._init = init
        self._metadata = metadata
        self._close = servers.encode(_control(StreamControlCommand.CLOSE))
        self._move_on = servers.encode(_control(StreamControlCommand.MOVE))
        self._state: bytes | None = None  # until a server has taken it and given another one
        self._sent = SentChunks()
        self._waiting: deque[bytes] = deque()  # chunks that no server has taken
        self._is_moving = False
        self._due = asyncio.Event()
        self._changed = asyncio.Event()
        self._failure: Exception | None = None
        self._has_stopped = False
        self._follow_call(first)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:  # noqa: ASYNC124 (it needs asyncio)
        """Start the task that moves the stream; `close` ends it."""
        self._task = asyncio.create_task(self._run())

    @property
    def is_moving(self) -> bool:
        """Whether another server is about to take over."""
        return self._is_moving

    async def close(self) -> None:
        """End the task that moves the stream, and close its calls."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self.current.call.close()

    def stop(self) -> None:
        """Move the stream no more: its user has cancelled it."""
        self._has_stopped = True
        if self._task is not None:
            self._task.cancel()
        self._notify()

    def raise_failure(self) -> None:
        """Raise why the stream could not be moved, if it had to be.

        Raises:
            MillraceError: the error of the last server that was tried.
        """
        if self._failure is not None:
            raise self._failure

    async def wait_switched(self) -> None:
        """Wait until chunks can be sent."""
        while self.is_switching and not self._has_stopped:
            await self._changed.wait()

    async def follow(self, left: StreamCall) -> StreamCall | None:
        """Return the call that goes on after one that has ended; None: the stream has ended.

        Raises:
            MillraceError: no other server accepts the stream.
        """
        while left.successor is None:
            if not self._goes_on(left):
                return None
            self.raise_failure()
            if not self._is_moving:
                self._due.set()
            await self._changed.wait()
        return left.successor

    async def follow_input(self, left: StreamCall) -> bool:
        """Wait until chunks can be sent after a call that has ended; return whether they can.

        Raises:
            MillraceError: no other server accepts the stream.
        """
        await left.responses.read_to_end()
        return await self.follow(left) is not None

    async def end_input(self, by: str) -> None:
        """End the input at the server that takes chunks.

        Args:
            by: the method that the user has called, `close` or `close_input`.

        Raises:
            MillraceError: no other server accepts the stream.
        """
        self.ended_by = by
        while True:
            await self.wait_switched()
            at = self.current
            try:
                await self._end_input_at(at)
            except CallEndedError:
                if await self.follow_input(at):
                    continue
            return

    async def _end_input_at(self, call: StreamCall) -> None:
        """End the input of a call, once.

        Raises:
            CallEndedError: the server has ended it.
        """
        if call.is_input_ended:
            return
        call.is_input_ended = True
        try:
            if self.ended_by == "close_input":
                await call.call.end()
            else:
                moves = not self.ended_by and _moves_state(call)
                await call.call.send(self._move_on if moves else self._close, end=True)
        except asyncio.CancelledError:
            call.is_input_ended = False
            raise

    def _goes_on(self, left: StreamCall) -> bool:
        """Return whether another server has to go on, after a call has ended."""
        responses = left.responses
        if self._has_stopped or responses.has_failed or not _may_move(left):
            return False
        if self.is_switching and left is self.current:
            return True
        closed = responses.closed
        if closed is None:
            return False  # after a half-close, everything was taken
        if not self.ended_by or bool(self._waiting) or closed.state is not None:
            return True
        return closed.chunks_taken < self._sent.count

    def _follow_call(self, call: StreamCall) -> None:
        """Remember what is sent on a call, and note when its server shuts down."""
        sent = self._sent = SentChunks()

        def note_sent(message: bytes) -> None:
            if message is self._close or message is self._move_on or message is self._state:
                return
            sent.add(message)
            responses = call.responses
            if responses.metrics is not None:
                sent.drop_taken(responses.metrics.chunks_processed)
            if responses.ready is not None and not _may_move(call):
                call.call.on_sent = None
                sent.clear()

        def note_leaving() -> None:
            call.server.note_leaving()
            if not self.ended_by and _may_move(call):
                self._due.set()

        call.call.on_sent = note_sent
        call.responses.on_notice = note_leaving
        self.current = call

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            self._is_moving = True
            try:
                await self._move(self.current)
            except Exception as error:  # noqa: BLE001 (raised to the user, at the end of the old call)
                self._failure = error
                self._notify()
                return
            self._is_moving = False
            self._notify()

    async def _move(self, old: StreamCall) -> None:
        """Go on elsewhere.

        Raises:
            MillraceError: no other server accepts the stream.
        """
        new = await self._open_elsewhere(old)
        try:
            with self._switching():
                await self._end(old)
                closed = old.responses.closed
                if old.responses.has_failed or closed is None:
                    return
                self._waiting.extendleft(reversed(_untaken(self._sent, closed.chunks_taken)))
                if self.ended_by and not self._waiting and closed.state is None:
                    return
                if closed.state is not None:
                    self._state = self._servers.encode(StreamRequest(state=closed.state))
                old.call.close()
                self._follow_call(new)
                old.successor = new
                self._notify()
                await self._send_waiting(new)
        finally:
            if self.current is not new:
                new.call.close()

    async def _open_elsewhere(self, old: StreamCall) -> StreamCall:
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        init = replace(self._init, resumes=_moves_state(old))
        request = self._servers.encode(StreamRequest(init=init))
        while True:
            try:
                new = await self._servers.open_stream(
                    request, metadata=self._metadata, without=[old.server]
                )
                try:
                    await new.responses.wait_ready()
                except BaseException:
                    new.call.close()
                    raise
                return new
            except (UnreachableError, LimitError) as error:
                if old.responses.has_ended and deadline is None:
                    deadline = loop.time() + _LATE_SECONDS
                if deadline is not None and loop.time() >= deadline:
                    raise type(error)(
                        f"{old.address} has shut down, and no other server goes on: {error}"
                    ) from error
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _end(self, old: StreamCall) -> None:
        """Close the old stream, and read all that its server still sends."""
        reading = asyncio.create_task(old.responses.read_to_end())
        try:
            # Behind a chunk that is being sent. The server may have ended the stream.
            with suppress(CallEndedError):
                await self._end_input_at(old)
            await reading
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _send_waiting(self, new: StreamCall) -> None:
        try:
            if self._state is not None:
                await new.call.send(self._state)
            while self._waiting:
                await new.call.send(self._waiting[0])
                self._waiting.popleft()
            if self.ended_by:
                await self._end_input_at(new)
        except CallEndedError:
            self._due.set()  # that server ends the stream, too: the rest waits for the next one

    @contextmanager
    def _switching(self) -> Iterator[None]:
        self.is_switching = True
        try:
            yield
        finally:
            self.is_switching = False
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _may_move(call: StreamCall) -> bool:
    ready = call.responses.ready
    return ready is not None and (ready.may_move or ready.moves_state)


def _moves_state(call: StreamCall) -> bool:
    ready = call.responses.ready
    return ready is not None and ready.moves_state and not ready.may_move


def _control(command: StreamControlCommand) -> StreamRequest:
    return StreamRequest(control=StreamControl(command=command))


def _untaken(sent: SentChunks, taken: int) -> list[bytes]:
    try:
        return sent.after(taken)
    except ValueError as error:
        raise ServerError(f"the server's last message is not valid: {error}") from error
