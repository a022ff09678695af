"""One stream's session, from `ready` to `closed`."""

import math
import time
from collections import deque
from functools import partial
from typing import Final

import trio

from ..errors import ShutdownError
from ..events import InitProgress, Result
from ..links import weight_bytes
from ..session import EndReason, Session
from ..wire import (
    ChunksTaken,
    DrainNotice,
    SessionState,
    StreamClosed,
    StreamControl,
    StreamControlCommand,
    StreamInit,
    StreamReady,
    StreamRequest,
    StreamResponse,
)
from ..wire.codec import Buffer
from ..wire.conversion import (
    ResultEncoder,
    buffer_of,
    items_of,
    progress_message,
    result_message,
)
from .moved_state import StateSeals
from .server_call import ServerCall
from .server_state import ServerState
from .session_metrics import SessionMetrics
from .stream_requests import StreamRequestReader

StreamCall = ServerCall[StreamRequest, StreamResponse]

Response = StreamResponse | list[Buffer]
"""A response, or its bytes with the prefix of gRPC, in pieces."""

# The progress of a loading node is sent at least this often, as a sign of life.
_HEARTBEAT_SECONDS: Final = 1.5
# Metrics follow the results of their chunk. Where a pipeline gives none, they wait this long.
_METRICS_SECONDS: Final = 0.5
# Of a client that sends 10,000 chunks and reads nothing; the oldest are in those that follow.
_MOST_DUE: Final = 1000
# 20 ms of audio at 48 kHz: short enough for a conversation, without too much overhead.
_RECOMMENDED_SAMPLES: Final = 960
# Results that are ready together are sent together, up to this many. Large ones are sent alone.
# With 128 KiB, those of 64 KB take 5 to 10 % more processor time (2026-11-27, beside other load).
_TOGETHER: Final = 32
_TOGETHER_BYTES: Final = 256 * 1024

_CANCEL: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CANCEL))


class StreamRun:
    """Sends the requests of a stream into a session, and the session's results back.

    Attributes:
        is_ready: whether `ready` was sent.
    """

    def __init__(
        self,
        call: StreamCall,
        session: Session,
        init: StreamInit,
        server_state: ServerState,
        seals: StateSeals,
    ) -> None:
        self.is_ready = False
        self._call = call
        self._session = session
        self._server_state = server_state
        self._chunk_size = init.expected_chunk_size
        self._reports_taken = init.reports_taken
        self._newly_taken = trio.Event()
        self._told_taken = 0
        self._metrics = SessionMetrics(server_state.peak_memory)
        self._seals = seals
        self._moves_state = init.takes_state and seals.may_move(session.plan)
        self._requests = StreamRequestReader(
            call, session, init, self._metrics, self._note_metrics_due, seals
        )
        self._due: deque[tuple[int, int, int]] = deque(maxlen=_MOST_DUE)
        self._cancelled = False
        self._is_complete = False
        self._is_ended_by_server = False
        self._receiving = trio.CancelScope()
        self._ready_sent = trio.Event()
        self._scope = trio.CancelScope()
        self._new_due = trio.Event()
        self._reported_drops = 0
        self._unsent: list[Response] = []
        self._results = ResultEncoder()

    async def run(self) -> None:
        """Run until the client or the pipeline has ended.

        Raises:
            MillraceError: a request is not valid, or the server shuts down.
        """
        with self._scope:
            self._call.watch_for(_CANCEL, self._cancel)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_with_server)
                nursery.start_soon(self._receive_requests)
                await self._send_progress()
                await self._send_ready()
                nursery.start_soon(self._send_late_metrics)
                if self._reports_taken:
                    self._requests.on_taken = self._note_taken
                    self._newly_taken.set()
                    nursery.start_soon(self._send_taken)
                await self._send_results()
                nursery.cancel_scope.cancel()

    def pending_ready(self) -> list[StreamResponse]:
        """Return `ready`, if the session is ready and the message was not sent.

        A node may fail on its first chunk before `ready` is sent.
        """
        if self.is_ready or not self._session.became_ready:
            return []
        self.is_ready = True
        ready = StreamReady(
            session_id=self._session.id,
            recommended_chunk_size=self._chunk_size or _RECOMMENDED_SAMPLES,
            max_buffer_latency_ms=0,
            may_move=self._session.plan.may_move,
            moves_state=self._moves_state,
            reports_taken=self._reports_taken > 0,
        )
        return [StreamResponse(ready=ready)]

    def why_ended(self) -> EndReason | None:
        """Return why the session ended, if the client has ended it."""
        if self._cancelled:
            return EndReason.CLIENT_CANCEL
        if not self._is_complete:
            return None
        if self._is_ended_by_server:
            return EndReason.SERVER_STOP
        return EndReason.CLIENT_CLOSE if self._requests.closed else EndReason.HALF_CLOSE

    async def send_closed(self) -> None:
        """Send the last message, if the client has sent CLOSE or CANCEL."""
        if self._cancelled:
            reason = "cancelled by the client"
        elif self._requests.closed:
            reason = "closed by the client"
        elif self._is_ended_by_server:
            reason = "the server is shutting down"
        else:
            return  # after a half-close, the status is the end
        metrics = self._metrics.execution_metrics(self._session)
        closed = StreamClosed(
            session_id=self._session.id,
            final_metrics=metrics,
            reason=reason,
            chunks_taken=self._metrics.chunks,
            state=self._exported_state(),
        )
        await self._call.send(StreamResponse(closed=closed))

    def _exported_state(self) -> SessionState | None:
        session = self._session
        # A state that has not arrived, or not at all nodes, is still at the client.
        if self._cancelled or self._requests.awaits_state or not session.states:
            return None
        return SessionState(data=self._seals.sealed(session.states, session.plan, session.owner))

    def _cancel(self) -> None:
        self._cancelled = True
        self._scope.cancel()

    async def _end_with_server(self) -> None:
        """Tell the client when the server begins to shut down; end the session with the server."""
        state = self._server_state
        await state.draining.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_notice)
            await state.ending.wait()
            self._receiving.cancel()
            # Also where the client has ended its side, after which sources go on.
            if self._moves_state:
                nursery.start_soon(self._session.end_for_move, self._seals.most_bytes)
            else:
                nursery.start_soon(partial(self._session.close_input, stop_sources=True))
            await state.stopping.wait()
            raise ShutdownError("the server is shutting down; it ended this session")

    async def _send_notice(self) -> None:
        await self._ready_sent.wait()
        deadline = self._server_state.drain_deadline
        if math.isinf(deadline):
            notice = DrainNotice()
        else:
            # 0 would mean that there is no deadline.
            notice = DrainNotice(deadline_ms=max(1, round(1000 * (deadline - trio.current_time()))))
        await self._call.send(StreamResponse(draining=notice))

    async def _receive_requests(self) -> None:
        """Take requests in until the client ends its side, or the server has to end."""
        with self._receiving:
            if await self._requests.run():
                self._cancel()
        if self._receiving.cancelled_caught:  # `_end_with_server` closes the input
            self._is_ended_by_server = True

    async def _send_progress(self) -> None:
        """Send the progress of the nodes until all are ready; repeat it if nothing new arrives."""
        sent: dict[str, tuple[float, InitProgress]] = {}
        progress = self._session.progress()
        while True:
            loading = [at for at, last in sent.values() if last.status != "ready"]
            scope = trio.CancelScope()
            if loading:
                scope.deadline = min(loading) + _HEARTBEAT_SECONDS
            updates: list[InitProgress] = []
            with scope:
                try:
                    updates = [await anext(progress)]
                except StopAsyncIteration:
                    break
            if scope.cancelled_caught:
                now = trio.current_time()
                updates = [
                    last
                    for at, last in sent.values()
                    if last.status != "ready" and at + _HEARTBEAT_SECONDS <= now
                ]
            # A failure is sent once, by the handler of the error that it raises.
            updates = [each for each in updates if each.status != "error"]
            for update in updates:
                sent[update.node_id] = (trio.current_time(), update)
            if updates:
                await self._call.send(*map(_progress_response, updates))

    async def _send_ready(self) -> None:
        await self._session.wait_ready()
        await self._call.send(*self.pending_ready())
        self._ready_sent.set()

    async def _send_results(self) -> None:
        """Send results until the session has ended."""
        while True:
            try:
                result = await self._session.receive_unless(self._send_at_once)
            except trio.EndOfChannel:
                break
            await self._send_batch(result)
        self._is_complete = True
        responses = self._due_metrics(None)
        if self._session.dropped() != self._reported_drops:
            # The stream is too short for metrics, or its last chunks were dropped after them.
            responses.append(self._metrics_response(self._metrics.chunks, self._metrics.items))
        if self._reports_taken:
            responses.append(self._taken_response())
        if responses:
            await self._call.send(*responses)

    async def _send_late_metrics(self) -> None:
        """Send metrics that were not sent with a result in time."""
        while True:
            await self._new_due.wait()
            self._new_due = trio.Event()
            while self._due:
                oldest = self._due[0]
                await trio.sleep(_METRICS_SECONDS)
                if self._due and self._due[0] is oldest:
                    await self._call.send(*self._due_metrics(None))

    async def _send_taken(self) -> None:
        """Tell how many chunks have entered, each time that enough have."""
        while True:
            await self._newly_taken.wait()
            self._newly_taken = trio.Event()
            self._told_taken = self._metrics.chunks
            await self._call.send(self._taken_response())

    def _note_taken(self) -> None:
        if self._metrics.chunks - self._told_taken >= self._reports_taken:
            self._newly_taken.set()

    def _taken_response(self) -> StreamResponse:
        taken = ChunksTaken(chunks=self._metrics.chunks, dropped=self._session.dropped())
        return StreamResponse(taken=taken)

    def _send_at_once(self, result: Result) -> bool:
        """Send a small result if it need not wait; return whether it was sent."""
        if not self._call.can_send or weight_bytes(result.data) >= _TOGETHER_BYTES:
            return False
        responses: list[Response] = []
        self._add_result(result, responses)
        if self._call.try_send(*responses):
            return True
        self._unsent = responses  # `_send_batch` gets this result next
        return False

    async def _send_batch(self, first: Result) -> None:
        responses, self._unsent = self._unsent, []
        weight = weight_bytes(first.data) if responses else self._add_result(first, responses)
        while True:
            if len(responses) >= _TOGETHER or weight >= _TOGETHER_BYTES:
                break
            try:
                result = self._session.receive_nowait()
            except trio.WouldBlock:
                break
            weight += self._add_result(result, responses)
        await self._call.send(*responses)

    def _add_result(self, result: Result, responses: list[Response]) -> int:
        """Add the messages of a result and the due metrics; return its size in bytes, roughly."""
        metrics = self._metrics
        metrics.count_out(result)
        began = time.perf_counter()
        encoded = self._results.encode(result, metrics.items)
        if encoded is not None:
            metrics.converted_out(began)
            responses.append(encoded)
            weight = weight_bytes(result.data)
        else:
            weight = self._add_messages(result, responses)
        if self._due:
            responses += self._due_metrics(result.sequence)
        return weight

    def _add_messages(self, result: Result, responses: list[Response]) -> int:
        metrics, weight = self._metrics, 0
        for data in items_of(result.data):
            began = time.perf_counter()
            buffer = buffer_of(data)
            metrics.converted_out(began)
            weight += weight_bytes(data)
            message = result_message(result, buffer, metrics.items)
            responses.append(StreamResponse(result=message))
        return weight

    def _note_metrics_due(self, sequence: int) -> None:
        """Note that metrics are due after the results of this chunk."""
        self._due.append((sequence, self._metrics.chunks, self._metrics.items))
        self._session.refresh_statistics()
        self._new_due.set()

    def _due_metrics(self, sequence: int | None) -> list[StreamResponse]:
        """Return the metrics that are due after `sequence`; None means all."""
        places = [place for place, due in enumerate(self._due) if due[0] == sequence]
        count = len(self._due) if sequence is None else max(places, default=-1) + 1
        responses = []
        for _ in range(count):
            _, chunks, items = self._due.popleft()
            responses.append(self._metrics_response(chunks, items))
        return responses

    def _metrics_response(self, chunks: int, items: int) -> StreamResponse:
        metrics = self._metrics.stream_metrics(self._session, chunks=chunks, items=items)
        self._reported_drops = metrics.chunks_dropped
        return StreamResponse(metrics=metrics)


def _progress_response(progress: InitProgress) -> StreamResponse:
    return StreamResponse(init_progress=progress_message(progress))
