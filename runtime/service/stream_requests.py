"""Reads the requests of one stream, and sends their items into the session."""

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import trio

from actors import Control, Data

from ..errors import InputError, MillraceError, UnwrappedErrors
from ..session import Session
from ..wire import (
    AudioChunk,
    DataChunk,
    LongMessageError,
    MessageBytes,
    StreamControl,
    StreamControlCommand,
    StreamInit,
    StreamRequest,
    StreamResponse,
)
from ..wire.conversion import Chunk, KnownChunks, audio_of_chunk, chunk_data_of
from .call_errors import RequestError
from .inputs import send_inputs
from .moved_state import StateSeals
from .server_call import ServerCall
from .session_metrics import SessionMetrics

_CHUNKS_PER_METRICS: Final = 10
# Requests that are read while a chunk waits for room: how many, and of how many bytes each. HTTP/2
# no longer counts them as on their way.
_MOST_AHEAD: Final = 64
_LONGEST_AHEAD: Final = 64 * 1024


class _Ahead(NamedTuple):
    """A request that was read, and the control message in it that the nodes know already."""

    body: MessageBytes | None
    announced: Chunk | None = None


class StreamRequestReader:
    """Reads one stream's requests, in their order.

    Attributes:
        closed: whether the client has sent CLOSE or MOVE.
        on_taken: is called when a chunk has entered.
        awaits_state: whether the session goes on with a state that has not arrived.
    """

    def __init__(
        self,
        call: ServerCall[StreamRequest, StreamResponse],
        session: Session,
        init: StreamInit,
        metrics: SessionMetrics,
        metrics_due: Callable[[int], None],
        seals: StateSeals,
    ) -> None:
        self.closed = False
        self.on_taken: Callable[[], None] | None = None
        self.awaits_state = init.resumes
        self._seals = seals
        self._moves_state = init.takes_state and seals.may_move(session.plan)
        self._known = KnownChunks()
        self._ahead: deque[_Ahead | MillraceError] = deque()
        self._call = call
        self._session = session
        self._inputs = init.data_inputs
        self._metrics = metrics
        self._note_metrics_due = metrics_due

    async def run(self) -> bool:
        """Read all requests; return whether the client has cancelled the stream.

        Raises:
            CallerError: a request is not valid.
        """
        await send_inputs(self._session, self._inputs, self._metrics)
        if self.awaits_state and not await self._receive_state():
            return True
        while True:
            body, announced = await self._next()
            if body is None:
                break
            if announced is not None:
                await self._enter_announced(announced)
                continue
            chunk = self._read_known(body)
            if chunk is not None:
                await self._enter(chunk)
                continue
            request = await self._call.decode(body)
            if request.data_chunk is not None:
                await self._enter_chunk(request.data_chunk, body)
            elif request.audio_chunk is not None:
                await self._enter_audio(request.audio_chunk)
            elif request.control is not None:
                if _is_cancel(request.control):
                    return True
                self.closed = True
                if request.control.command == StreamControlCommand.MOVE:
                    await self._move()
                    return False
                break
            elif request.init is not None:
                raise RequestError("init is sent once, as the first message; open another stream")
            elif request.state is not None:
                raise RequestError("state is sent once, after an init with resumes")
            # Nothing set: a request of a newer contract, which is ignored.
        await self._session.close_input(stop_sources=self.closed)
        return False

    async def _next(self) -> "_Ahead":
        """Return the bytes of the next request; None when the client has ended its side."""
        if not self._ahead:
            return _Ahead(await self._call.receive_unless(self._take_at_once))
        await trio.lowlevel.checkpoint()
        following = self._ahead.popleft()
        if isinstance(following, MillraceError):
            raise following
        return following

    async def _look_ahead(self) -> None:
        """Tell the nodes of control messages behind a chunk that waits for room."""
        while len(self._ahead) < _MOST_AHEAD:
            try:
                body = await self._call.receive_unless(None, longest=_LONGEST_AHEAD)
            except LongMessageError:
                return
            except MillraceError as error:
                self._ahead.append(error)  # in its turn
                return
            self._ahead.append(_Ahead(body, None if body is None else self._announced(body)))
            if body is None:
                return

    def _announced(self, body: MessageBytes) -> Chunk | None:
        """Announce a control message; return None for any other request, and for one at fault."""
        try:
            request = self._call.decode_small(body)
            message = None if request is None else request.data_chunk
            if message is None or message.buffer is None or message.buffer.control is None:
                return None
            node_id, data, sequence, timestamp_ms = self._converted(message)
            if not isinstance(data, Control) or data.message is None:
                return None
            control = self._session.announce(
                data, node=node_id, sequence=sequence, timestamp_ms=timestamp_ms
            )
        except MillraceError:
            return None  # its error comes in its turn
        return Chunk(node_id, control, sequence, timestamp_ms)

    async def _receive_state(self) -> bool:
        """Let the nodes import the state, which must be the first message; False: CANCEL came."""
        request = await self._call.receive()
        if request is not None and request.control is not None and _is_cancel(request.control):
            return False
        if request is None or request.state is None:
            raise RequestError("init has resumes: the next message must be state, or CANCEL")
        session = self._session
        states = self._seals.opened(request.state.data, session.plan, session.owner)
        await session.import_states(states)
        self.awaits_state = False
        return True

    async def _move(self) -> None:
        if not self._moves_state:
            raise RequestError("MOVE needs moves_state of ready; send CLOSE")
        await self._session.end_for_move(self._seals.most_bytes)

    def _take_at_once(self, body: MessageBytes) -> bool:
        """Enter a chunk if it need not wait; return whether it has entered."""
        if self._call.has_more:
            return False  # under load, the messages that are here are read in one turn
        known = self._read_known(body)
        chunk = known or self._chunk_of(body)
        if chunk is None:
            return False
        node_id, data, sequence, timestamp_ms = chunk
        if not self._session.try_enter(
            data,
            node=node_id,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=self._count,
        ):
            return False
        if known is None:
            self._known.learn(body, chunk)
        return True

    def _chunk_of(self, body: MessageBytes) -> Chunk | None:
        """Return the chunk of a request; None if it is another request, or has many fields."""
        request = self._call.decode_small(body)
        if request is None or request.data_chunk is None:
            return None
        return self._converted(request.data_chunk)

    def _read_known(self, body: MessageBytes) -> Chunk | None:
        """Return the chunk of a request that has the form of an earlier one."""
        began = time.perf_counter()
        chunk = self._known.read(body)
        if chunk is not None:
            self._metrics.converted_in(began)
        return chunk

    async def _enter_chunk(self, message: DataChunk, body: MessageBytes) -> None:
        chunk = self._converted(message)
        await self._enter(chunk)
        self._known.learn(body, chunk)

    def _converted(self, message: DataChunk) -> Chunk:
        _check_node_id(message.node_id)
        began = time.perf_counter()
        data = chunk_data_of(message)
        self._metrics.converted_in(began)
        return Chunk(message.node_id, data, message.sequence, message.timestamp_ms)

    async def _enter_audio(self, chunk: AudioChunk) -> None:
        _check_node_id(chunk.node_id)
        began = time.perf_counter()
        data = audio_of_chunk(chunk)
        self._metrics.converted_in(began)
        await self._enter(Chunk(chunk.node_id, data, chunk.sequence, chunk.timestamp_ms))

    async def _enter(self, chunk: Chunk) -> None:
        node_id, data, sequence, timestamp_ms = chunk
        session = self._session
        if session.try_enter(
            data,
            node=node_id,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=self._count,
            directly=False,
        ):
            return
        enter = partial(
            session.enter,
            data,
            node=node_id,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=self._count,
        )
        if isinstance(data, Control) or not session.became_ready:
            await enter()
            return
        with UnwrappedErrors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._look_ahead)
                await enter()
                nursery.cancel_scope.cancel()

    async def _enter_announced(self, chunk: Chunk) -> None:
        node_id, data, sequence, timestamp_ms = chunk
        assert isinstance(data, Control)
        await self._session.enter_announced(
            data,
            node=node_id,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=self._count,
        )

    def _count(self, data: Data, sequence: int) -> None:
        """Count a chunk that has entered."""
        metrics = self._metrics
        metrics.count_in(data)
        metrics.chunks += 1
        if metrics.chunks % _CHUNKS_PER_METRICS == 0:
            self._note_metrics_due(sequence)
        if self.on_taken is not None:
            self.on_taken()


def _check_node_id(node_id: str) -> None:
    if not node_id:
        raise InputError("the chunk has no node_id; set it to the node that the chunk enters at")


def _is_cancel(control: StreamControl) -> bool:
    if control.command == StreamControlCommand.CANCEL:
        return True
    if control.command in (StreamControlCommand.CLOSE, StreamControlCommand.MOVE):
        return False
    raise RequestError(f"control.command {int(control.command)} is not CLOSE, CANCEL or MOVE")
