"""Reads the requests of one stream, and sends their items into the session."""

import time
from collections.abc import Callable
from typing import Final

from actors import Data

from ..errors import InputError
from ..session import Session
from ..wire import (
    AudioChunk,
    DataChunk,
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
from .server_call import ServerCall
from .session_metrics import SessionMetrics

_CHUNKS_PER_METRICS: Final = 10


class StreamRequestReader:
    """Reads one stream's requests, in their order.

    Attributes:
        closed: whether the client has sent CLOSE.
    """

    def __init__(
        self,
        call: ServerCall[StreamRequest, StreamResponse],
        session: Session,
        init: StreamInit,
        metrics: SessionMetrics,
        metrics_due: Callable[[int], None],
    ) -> None:
        self.closed = False
        self._known = KnownChunks()
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
        while True:
            body = await self._call.receive_unless(self._take_at_once)
            if body is None:
                break
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
                break
            elif request.init is not None:
                raise RequestError("init is sent once, as the first message; open another stream")
            # Nothing set: a request of a newer contract, which is ignored.
        await self._session.close_input(stop_sources=self.closed)
        return False

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
        """Return the chunk of a request; None if it is another request, or takes long to read."""
        request = self._call.decode_short(body)
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
        await self._session.enter(
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


def _check_node_id(node_id: str) -> None:
    if not node_id:
        raise InputError("the chunk has no node_id; set it to the node that the chunk enters at")


def _is_cancel(control: StreamControl) -> bool:
    if control.command == StreamControlCommand.CANCEL:
        return True
    if control.command == StreamControlCommand.CLOSE:
        return False
    raise RequestError(f"control.command {int(control.command)} is neither CLOSE nor CANCEL")
