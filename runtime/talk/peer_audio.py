"""The audio of a conversation over WebRTC, beside the WebSocket that carries everything else."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import trio

from actors import Audio

from ..config import Http
from ..errors import InputError, UnwrappedErrors

if TYPE_CHECKING:
    from .webrtc import Voice


class Send(Protocol):
    """Sends a JSON message to the page."""

    def __call__(self, kind: str, /, **members: object) -> Awaitable[None]:
        """Send a message of a type."""


class PeerAudio:
    """Answers the offer of a page, and lets the page follow what its track plays.

    Args:
        settings: of the HTTP port.
        host: the server's end of the page's WebSocket.
        send: to the page.
        hear: is called with what the person says.

    Attributes:
        voice: what the pipeline says; None where audio goes over the WebSocket.
    """

    def __init__(
        self, settings: Http, host: str, send: Send, hear: Callable[[Audio], None]
    ) -> None:
        self.voice: Voice | None = None
        self._settings = settings
        self._host = host
        self._send = send
        self._hear = hear
        self._dropped = 0
        self._has_dropped = trio.Event()

    async def hold(  # noqa: ASYNC114 (a conversation awaits its start)
        self, offer: str, task_status: trio.TaskStatus[None]
    ) -> None:
        """Answer an offer, and keep its connection; the answer is sent after the start.

        Raises:
            InputError: the offer is not valid, or no offer is taken.
            PipelineError: the connection does not come about, or is lost.
        """
        settings = self._settings
        if not settings.talk_webrtc:
            raise InputError("the operator offers no WebRTC (http.talk_webrtc)")
        if self.voice is not None:
            raise InputError("a conversation takes one offer")
        from .webrtc import UdpPlace, open_peer

        place = UdpPlace.reached_at(self._host, settings.talk_webrtc_address, settings.webrtc_ports)
        with UnwrappedErrors():
            async with open_peer(offer, place) as peer, trio.open_nursery() as nursery:
                self.voice = peer.voice
                task_status.started()
                await self._send("answer", sdp=peer.answer)
                await peer.wait_connected()
                nursery.start_soon(self._report_voice, peer.voice)
                nursery.start_soon(self._report_dropped)
                # It must not wait for a page that does not read: its audio would collect.
                await peer.listen(self._hear)

    def note_dropped(self, chunks: int) -> None:
        """Have the page told how many chunks were dropped."""
        self._dropped = chunks
        self._has_dropped.set()

    async def wait_said(self) -> None:
        """Wait until the track has played everything."""
        if self.voice is not None:
            await self.voice.wait_said()

    def stop(self) -> None:
        """Silence the track at once."""
        if self.voice is not None:
            self.voice.stop()

    async def _report_voice(self, voice: "Voice") -> None:
        while True:
            changed, saying = voice.changed, voice.saying
            if saying is None:
                await self._send("voice", started=False)
            else:
                await self._send("voice", started=True, sequence=saying)
            await changed.wait()

    async def _report_dropped(self) -> None:
        while True:
            await self._has_dropped.wait()
            self._has_dropped = trio.Event()
            await self._send("dropped", chunks=self._dropped)
