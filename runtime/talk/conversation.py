"""One conversation: a WebSocket on one side, a session on the other."""

import logging
from typing import TYPE_CHECKING, Final

import trio
from starlette.websockets import WebSocket

from actors import Audio, CancelSpeculation, Control, Json, Text

from ..errors import (
    CallerError,
    Fault,
    InputError,
    InternalError,
    ManifestError,
    MillraceError,
    ServerFullError,
    ShutdownError,
    shortened,
    sole_error,
)
from ..events import Result
from ..recording import archived
from ..session import EndReason, Session
from .access import PROTOCOL, Visitor
from .framing import (
    Chunk,
    Request,
    audio_messages,
    audio_pieces,
    read_chunk,
    read_request,
    text_message,
)
from .peer_audio import PeerAudio
from .playback import Playback
from .speech_events import SpeechChange, speech_change
from .state import TalkState

if TYPE_CHECKING:
    from .webrtc import Voice

# Chunks that wait for the pipeline: 2 s of 20 ms each. More are dropped, and the page is told. The
# socket is read all the same, so that a barge-in or the end of the page is noticed at once.
_WAITING_CHUNKS: Final = 100
_MOST_CHARACTERS: Final = 64_000
_MOST_ERROR_CHARACTERS: Final = 4000
# Within it, a page that does not read its last message is left.
_LAST_SECONDS: Final = 1.0
_TAP_ITEMS: Final = 64

_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_POLICY_VIOLATION: Final = 1008
_INTERNAL_ERROR: Final = 1011
_TRY_LATER: Final = 1013
_STOPPING: Final = "the server is shutting down; it ended this conversation"

# The first class that an error is an instance of decides.
_CODES: Final = (
    (ShutdownError, _GOING_AWAY),
    (ServerFullError, _TRY_LATER),
    (CallerError, _POLICY_VIOLATION),
    (MillraceError, _INTERNAL_ERROR),
)

_log: Final = logging.getLogger("millrace.talk")


class Conversation:
    """Sends what a person says into a session, and what comes of it back.

    Args:
        state: with the pipelines.
        socket: not accepted yet.
        visitor: who talks.
    """

    def __init__(self, state: TalkState, socket: WebSocket, visitor: Visitor) -> None:
        self._state = state
        self._socket = socket
        self._visitor = visitor
        self._peer = f"{socket.client.host}:{socket.client.port}" if socket.client else ""
        asked = socket.query_params.get("pipeline", "")
        self._pipeline = state.pipelines.get(asked)
        self._name = self._pipeline.plan.manifest.metadata.name if self._pipeline else asked
        self._spoken, self._to_send = trio.open_memory_channel[Chunk](_WAITING_CHUNKS)
        self._playback = Playback()
        host = socket.scope["server"][0]
        self._peer_audio = PeerAudio(state.settings, host, self._send, self._hear)
        self._to_cancel = trio.Event()
        self._is_cancelling = False
        self._latest_ms = 0
        self._heard_seconds = 0.0
        self._cancelled_ms = -1
        self._dropped = 0
        self._is_ready = False
        self._has_left = False
        self._has_ended = False
        self._why_left = EndReason.DISCONNECTED

    async def run(self) -> None:
        """Run until the person leaves, or the session has ended."""
        subprotocols = self._socket.scope.get("subprotocols", ())
        await self._socket.accept(PROTOCOL if PROTOCOL in subprotocols else None)
        try:
            with self._state.runtime.refusals_counted(
                self._name, self._peer, self._visitor.token_name
            ):
                self._check_accepted()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, nursery)
                nursery.start_soon(self._stop_with_server, nursery.cancel_scope)
                await self._hold_session()
                nursery.cancel_scope.cancel()
        except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001 (sent to the page)
            # The error is kept in no variable: it refers to this frame, which would be a cycle.
            code, reason, node_id = _ending_of(failure)
            await self._end(code, reason, node_id)
            return
        if self._why_left is EndReason.SERVER_STOP:
            await self._end(_GOING_AWAY, _STOPPING)
        elif not self._has_left:
            await self._end(_NORMAL, "")

    def _check_accepted(self) -> None:
        """Check that the conversation may begin.

        Raises:
            ShutdownError: the server drains.
            ManifestError: the operator offers no such pipeline.
            ServerFullError: too many conversations run.
        """
        if self._state.draining:
            raise ShutdownError(_STOPPING)
        if self._pipeline is None:
            raise ManifestError([Fault("pipeline", "the operator offers no such pipeline")])
        if self._state.is_full:
            raise ServerFullError("too many conversations are open, or wait; try again later")

    async def _hold_session(self) -> None:
        assert self._pipeline is not None
        async with (
            self._state.runtime.open_session(
                self._pipeline.plan,
                peer=self._peer,
                owner=self._visitor.owner,
                token_name=self._visitor.token_name,
                why_ended=self._why_ended,
            ) as session,
            archived(session, self._state.runtime.config.recording),
            trio.open_nursery() as nursery,
        ):
            async for each in session.progress():
                await self._send(
                    "progress", node=each.node_id, status=each.status, fraction=each.fraction
                )
            await session.wait_ready()
            self._is_ready = True
            await self._send("ready", session=session.id, pipeline=self._pipeline.name)
            nursery.start_soon(self._feed, session)
            nursery.start_soon(self._cancel_answers, session)
            for detector in self._pipeline.roles.detectors:
                nursery.start_soon(self._watch_speech, session, detector)
            async for result in session:
                await self._deliver(result)
            await self._peer_audio.wait_said()
            nursery.cancel_scope.cancel()

    def _why_ended(self, reason: EndReason) -> EndReason:
        if reason is not EndReason.COMPLETED:
            return self._why_left
        return EndReason.CLIENT_CLOSE if self._has_ended else reason

    async def _stop_with_server(self, scope: trio.CancelScope) -> None:
        await self._state.stopping.wait()
        self._why_left = EndReason.SERVER_STOP
        scope.cancel()

    async def _read(self, nursery: trio.Nursery) -> None:
        """Read all that the page sends; its end cancels the nursery.

        Raises:
            InputError: a message is not valid.
        """
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._has_left = True
                nursery.cancel_scope.cancel()
                return
            try:
                if (data := message.get("bytes")) is not None:
                    await self._take(read_chunk(data))
                else:
                    await self._obey(read_request(message.get("text") or ""), nursery)
            except InputError:
                self._why_left = EndReason.INVALID_INPUT
                raise

    async def _take(self, chunk: Chunk) -> None:
        if self._has_ended:
            raise InputError("audio was sent after the end")
        if self._peer_audio.voice is not None:
            raise InputError("audio was sent in a message, after an offer of WebRTC")
        if not self._keep(chunk) and _is_power_of_two(self._dropped):
            await self._send("dropped", chunks=self._dropped)

    def _keep(self, chunk: Chunk) -> bool:
        """Have a chunk wait for the pipeline; return whether there is room."""
        self._latest_ms = max(self._latest_ms, chunk.timestamp_ms)
        try:
            self._spoken.send_nowait(chunk)
        except trio.WouldBlock:
            self._dropped += 1
            return False
        return True

    async def _obey(self, request: Request, nursery: trio.Nursery) -> None:
        if request.type == "interrupt":
            await self._interrupt(self._latest_ms)
        elif request.type == "offer":
            await nursery.start(self._peer_audio.hold, request.sdp)
        elif request.type == "end":
            self._has_ended = True
            self._spoken.close()
        # Anything else is a message of a newer client.

    def _hear(self, audio: Audio) -> None:
        """Take audio of the peer connection, which comes at any time."""
        if self._is_ready and not self._has_ended:
            timestamp_ms = round(1000 * self._heard_seconds)
            self._heard_seconds += audio.duration_seconds
            if not self._keep(Chunk(audio, timestamp_ms)) and _is_power_of_two(self._dropped):
                self._peer_audio.note_dropped(self._dropped)

    async def _feed(self, session: Session) -> None:
        """Send what the person says into the session, to its end."""
        assert self._pipeline is not None
        entries = self._pipeline.roles.entries
        sequence = 0
        async for chunk in self._to_send:
            for entry in entries:
                await session.send(
                    chunk.audio, node=entry, sequence=sequence, timestamp_ms=chunk.timestamp_ms
                )
            sequence += 1
        await session.close_input(stop_sources=True)

    async def _watch_speech(self, session: Session, detector: str) -> None:
        """Tell the page when the person speaks; a start interrupts the answer."""
        assert self._pipeline is not None
        async with session.tap(detector, capacity=_TAP_ITEMS) as outputs:
            async for output in outputs:
                change = speech_change(output.data)
                if change is SpeechChange.START and self._pipeline.roles.is_interrupted:
                    await self._interrupt(output.timestamp_ms)
                if change is not SpeechChange.NONE:
                    has_started = change is SpeechChange.START
                    await self._send(
                        "speech", started=has_started, timestamp_ms=output.timestamp_ms
                    )

    async def _interrupt(self, until_ms: int) -> None:
        """Silence the voice, and have what still is to be answered cancelled, up to a timestamp."""
        if until_ms > self._cancelled_ms:
            self._is_cancelling = True
            self._to_cancel.set()
        await self._silence(until_ms)

    async def _cancel_answers(self, session: Session) -> None:
        """Send barge-ins into the session: a node that is stuck may not take one at once."""
        assert self._pipeline is not None
        while True:
            await self._to_cancel.wait()
            self._to_cancel = trio.Event()
            until_ms = self._cancelled_ms
            for node in self._pipeline.roles.answering:
                message = Control(CancelSpeculation(0, until_ms))
                await session.publish(message, node=node, timestamp_ms=until_ms)
            self._is_cancelling = self._to_cancel.is_set()

    async def _silence(self, until_ms: int) -> None:
        self._cancelled_ms = max(until_ms, self._cancelled_ms)
        self._playback.stop()
        self._peer_audio.stop()
        await self._send("interrupt", until_ms=until_ms)

    async def _deliver(self, result: Result) -> None:
        match result.data:
            case Audio():
                await self._play(result, result.data)
            case Text(text=text, metadata=metadata):
                assert self._pipeline is not None
                await self._send(
                    "text",
                    **_origin(result),
                    speaker=self._pipeline.roles.speaker(result.node_id),
                    text=shortened(text, _MOST_CHARACTERS),
                    partial=metadata.get("partial") == "true",
                )
            case Json(text=text) if len(text) <= _MOST_CHARACTERS:
                await self._send("json", **_origin(result), json=text)
            case Control(message=CancelSpeculation(to_timestamp=until_ms)):
                # One of the pipeline's own; those of `_interrupt` arrive here too.
                if until_ms > self._cancelled_ms:
                    await self._silence(until_ms)
            case _:
                pass  # nothing that a conversation shows

    async def _play(self, result: Result, audio: Audio) -> None:
        if self._peer_audio.voice is not None:
            await self._say(self._peer_audio.voice, result, audio)
            return
        messages = audio_messages(audio, sequence=result.sequence, timestamp_ms=result.timestamp_ms)
        stops = self._playback.stops
        for message, seconds in messages:
            await self._playback.wait_for_room(seconds)
            if self._is_cancelled(result, stops):
                return
            await self._socket.send_bytes(message)

    async def _say(self, voice: "Voice", result: Result, audio: Audio) -> None:
        stops = self._playback.stops
        for piece in audio_pieces(audio):
            await voice.wait_for_room()
            if self._is_cancelled(result, stops):
                return
            voice.say(piece, audio.sample_rate, result.sequence)

    def _is_cancelled(self, result: Result, stops: int) -> bool:
        # After the first stop the session itself drops what a barge-in has cancelled.
        is_stopped = self._is_cancelling or self._playback.stops != stops
        return is_stopped and result.timestamp_ms <= self._cancelled_ms

    async def _send(self, kind: str, /, **members: object) -> None:
        await self._socket.send_text(text_message(kind, **members))

    async def _end(self, code: int, reason: str, node_id: str = "") -> None:
        """Send the last message, and close the socket."""
        with trio.move_on_after(_LAST_SECONDS):
            if reason:
                await self._send(
                    "error", message=shortened(reason, _MOST_ERROR_CHARACTERS), node=node_id
                )
            else:
                await self._send("closed")
            await self._socket.close(code)


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _origin(result: Result) -> dict[str, object]:
    return {
        "node": result.node_id,
        "sequence": result.sequence,
        "timestamp_ms": result.timestamp_ms,
        "latency_ms": round(1000 * result.latency_seconds, 1),
    }


def _ending_of(failure: BaseException) -> tuple[int, str, str]:
    """Return the close code, the text and the failing node for an error.

    Raises:
        BaseException: the failure is a cancellation.
    """
    error = sole_error(failure) if isinstance(failure, BaseExceptionGroup) else failure
    try:
        if not isinstance(error, Exception):
            raise error
        if not isinstance(error, MillraceError):
            _log.error("conversation failed", exc_info=error)
            error = InternalError("internal error; the server's log has more")
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        return code, str(error), error.node_id
    finally:
        # A raised error refers to this frame. If the frame referred to it too, only the cyclic
        # collector would free what its other frames refer to: a session's shared memory.
        del failure, error
