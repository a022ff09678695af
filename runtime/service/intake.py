"""What a client sends on its stream, into the session."""

import time
from collections.abc import Callable
from typing import Final

from actors import Data

from ..errors import InputError
from ..session import Session
from ..wire import (
    AudioChunk,
    DataChunk,
    StreamControl,
    StreamControlCommand,
    StreamInit,
    StreamRequest,
    StreamResponse,
)
from ..wire.conversion import audio_of_chunk, chunk_data_of
from .calls import Call
from .faults import RequestError
from .figures import Figures
from .inputs import send_inputs

_CHUNKS_PER_FIGURES: Final = 10


class StreamIntake:
    """Takes in one stream's messages, in their order.

    Attributes:
        closed: whether the client has sent CLOSE.
    """

    def __init__(
        self,
        call: Call[StreamRequest, StreamResponse],
        session: Session,
        init: StreamInit,
        figures: Figures,
        figures_due: Callable[[int], None],
    ) -> None:
        self.closed = False
        self._call = call
        self._session = session
        self._inputs = init.data_inputs
        self._figures = figures
        self._figures_due = figures_due

    async def run(self) -> bool:
        """Take in everything; return whether the client wants what is left to be dropped.

        Raises:
            CallerError: what the client sent cannot be taken.
        """
        await send_inputs(self._session, self._inputs, self._figures)
        while True:
            request = await self._call.receive()
            if request is None:
                break
            if request.data_chunk is not None:
                await self._take_chunk(request.data_chunk)
            elif request.audio_chunk is not None:
                await self._take_audio(request.audio_chunk)
            elif request.control is not None:
                if _is_cancel(request.control):
                    return True
                self.closed = True
                break
            elif request.init is not None:
                raise RequestError("init comes once, as the first message; open another stream")
            else:
                raise RequestError("a request carries nothing; expected a chunk or a control")
        await self._session.close_input()
        return False

    async def _take_chunk(self, chunk: DataChunk) -> None:
        began = time.perf_counter()
        data = chunk_data_of(chunk)
        self._figures.converted_in(began)
        await self._enter(data, chunk.node_id, chunk.sequence, chunk.timestamp_ms)

    async def _take_audio(self, chunk: AudioChunk) -> None:
        began = time.perf_counter()
        data = audio_of_chunk(chunk.buffer)
        self._figures.converted_in(began)
        await self._enter(data, chunk.node_id, chunk.sequence, chunk.timestamp_ms)

    async def _enter(self, data: Data, node_id: str, sequence: int, timestamp_ms: int) -> None:
        if not node_id:
            raise InputError("a chunk names no node; set node_id to the node that it enters at")
        figures = self._figures
        await self._session.send(data, node=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
        figures.count_in(data)
        figures.chunks += 1
        if figures.chunks % _CHUNKS_PER_FIGURES == 0:
            self._figures_due(sequence)


def _is_cancel(control: StreamControl) -> bool:
    if control.command == StreamControlCommand.CANCEL:
        return True
    if control.command == StreamControlCommand.CLOSE:
        return False
    raise RequestError(f"control.command {int(control.command)} is neither CLOSE nor CANCEL")
