"""One peer connection to a page, on a trio-asyncio loop of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any, Final

import numpy as np
import trio
import trio_asyncio
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from av import AudioFrame

from actors import Audio

from ...errors import InputError, PipelineError
from .offer import read_offer
from .udp import UdpPlace
from .voice import FRAME_SAMPLES, RATE_HZ, Voice

_FRAME_SECONDS: Final = FRAME_SAMPLES / RATE_HZ
# A sender that is later than this does not catch up: the page has filled the gap already.
_MOST_LATE_SECONDS: Final = 0.2
_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_OPUS: Final = "audio/opus"

_log: Final = logging.getLogger("millrace.talk")


class Peer:
    """A peer connection: takes what the person says, and sends a voice.

    Attributes:
        voice: what the pipeline says.
        answer: to the page's offer.
    """

    def __init__(self, place: UdpPlace) -> None:
        self.voice = Voice()
        self.answer = ""
        self._place = place
        self._sockets: list[asyncio.DatagramTransport] = []
        self._is_closing = False
        self._connected = trio.Event()
        self._lost = trio.Event()
        # Without a list of ICE servers, the library would ask one of its choice.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("connectionstatechange", self._follow)
        self._track = _VoiceTrack(self.voice)

    async def accept(self, offer: RTCSessionDescription) -> None:
        """Open the socket, and make the answer. It runs on the asyncio loop.

        Raises:
            InputError: the offer cannot be accepted.
            PipelineError: there is no UDP port.
        """
        connection = self._connection
        transceiver = connection.addTransceiver(self._track)
        self._guard(transceiver.receiver)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([each for each in codecs if each.mimeType == _OPUS])
        try:
            await connection.setRemoteDescription(offer)
        except Exception as error:  # anything, for what the library does not expect
            raise InputError(f"the offer cannot be accepted: {error!r}") from error
        self._sockets = self._place.restrict(connection, asyncio.get_running_loop())
        await connection.setLocalDescription(await connection.createAnswer())
        answer: str = connection.localDescription.sdp
        if "a=candidate:" not in answer:
            raise PipelineError(
                f"no UDP port is free at {self._place}; see http.talk_webrtc_ports of runtime.toml"
            )
        self.answer = self._place.announce(answer)

    async def wait_connected(self) -> None:
        """Wait for the page.

        Raises:
            PipelineError: it does not connect within 10 s.
        """
        with trio.move_on_after(_CONNECT_SECONDS):
            await self._connected.wait()
        if not self._connected.is_set():
            shown = self._place.announced or self._place.bound
            raise PipelineError(
                f"no WebRTC connection within {_CONNECT_SECONDS:g} s: no UDP of the browser "
                f"reaches the server at {shown}. Talk without WebRTC, or see http.talk_webrtc_ports"
            )

    async def listen(self, take: Callable[[Audio], None]) -> None:
        """Call a function with what the person says, mono int16, until the connection is lost.

        The function is called at once for all that has arrived, so that nothing collects.

        Raises:
            PipelineError: it is lost.
        """
        async with trio.open_nursery() as nursery:
            (receiver,) = self._connection.getReceivers()
            nursery.start_soon(trio_asyncio.aio_as_trio(_receive), receiver.track, take)
            await self._lost.wait()
            raise PipelineError("the WebRTC connection to the browser was lost")

    async def close(self) -> None:
        """Close the connection and its socket. It runs on the asyncio loop."""
        self._is_closing = True
        # The library cancels its sender and waits for it. trio-asyncio loses a cancellation that
        # comes while a thread encodes; the end of the track then ends the sender.
        self._track.stop()
        try:
            await self._connection.close()
        finally:  # also where the library is stuck
            for each in self._sockets:
                each.abort()

    def _guard(self, receiver: RTCRtpReceiver) -> None:
        """Have a receiver start no more once the connection closes.

        The library stops its receivers first. A handshake that completes then would start one
        again, with a thread that nobody ends.
        """
        start = receiver.receive

        async def receive(parameters: RTCRtpReceiveParameters) -> None:
            if not self._is_closing:
                await start(parameters)

        receiver.receive = receive  # type: ignore[method-assign]

    def _follow(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._lost.set()


@asynccontextmanager
async def open_peer(offer: str, place: UdpPlace) -> AsyncIterator[Peer]:
    """Answer an offer, and keep the peer connection for as long as the block lasts.

    Args:
        offer: the session description of a page.
        place: of the UDP socket.

    Raises:
        InputError: the offer is not valid.
        PipelineError: there is no UDP port.
    """
    description = read_offer(offer)
    async with trio_asyncio.open_loop() as loop:
        loop.set_exception_handler(_on_exception)
        peer = await trio_asyncio.aio_as_trio(_make)(place)
        try:
            await trio_asyncio.aio_as_trio(peer.accept)(description)
            yield peer
        finally:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True):
                await trio_asyncio.aio_as_trio(peer.close)()
                await trio_asyncio.aio_as_trio(asyncio.sleep)(0)  # for the last callbacks


async def _make(place: UdpPlace) -> Peer:  # noqa: ASYNC124 (it needs asyncio's context)
    return Peer(place)


async def _receive(track: MediaStreamTrack, take: Callable[[Audio], None]) -> None:
    while True:
        try:
            frame: Any = await track.recv()
        except MediaStreamError:  # the connection is lost, which its state tells
            return
        samples = frame.to_ndarray().reshape(frame.samples, -1)
        take(Audio(samples.mean(axis=1).astype(np.int16), frame.sample_rate))


class _VoiceTrack(MediaStreamTrack):
    """Sends a voice in real time, and silence where it has nothing to say."""

    kind = "audio"

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice
        self._due: float | None = None
        self._sent = 0

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms, when they are due."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self._due is None or now - self._due > _MOST_LATE_SECONDS:
            self._due = now
        await asyncio.sleep(self._due - now)
        self._due += _FRAME_SECONDS
        samples = self._voice.next_frame()
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._sent
        frame.time_base = Fraction(1, RATE_HZ)
        self._sent += FRAME_SAMPLES
        return frame


def _on_exception(_loop: object, context: dict[str, Any]) -> None:
    """Log an exception of a callback, as asyncio does; trio-asyncio would end the loop."""
    _log.warning(context.get("message", "WebRTC failed"), exc_info=context.get("exception"))
