"""MediaSourceNode."""

from collections.abc import AsyncIterator, Generator
from typing import Annotated, Final, Literal

import trio

from actors import Actor, Field, Kind, Params, Timestamped

from ..av_library import load_av
from ..byte_input import open_bytes
from ..live_address import LiveAddress, live_address
from ..media_stream import TimedItem, read_media

_KINDS: Final = {
    "video": frozenset({Kind.VIDEO}),
    "audio": frozenset({Kind.AUDIO}),
    "both": frozenset({Kind.VIDEO, Kind.AUDIO}),
}

MediaInput = Annotated[
    str,
    Field(min_length=1, max_length=4096, json_schema_extra={"format": "media-input"}),
]


class MediaSourceParams(Params):
    """What MediaSourceNode reads."""

    source: MediaInput = Field(
        description="the path of a file, an rtsp, rtsps, http or https URL, /dev/videoN or "
        "alsa:NAME; a client's only where the operator allows it (files.roots, media.urls, "
        "media.devices)"
    )
    streams: Literal["video", "audio", "both"] = Field(
        "video", description="the first stream of each kind that is read; it must be there"
    )
    chunk_ms: int = Field(20, ge=1, le=10_000, description="duration of a chunk of audio in ms")
    realtime: bool = Field(
        False, description="read a file no faster than it plays; live media comes as it comes"
    )


class MediaSourceNode(Actor[MediaSourceParams]):
    """Read a media file, a network stream or a capture device, through PyAV.

    In: nothing; it is a source. Out: RGB24 video frames, upright, with timestamp_us from the start
    of the media; and audio in chunks of chunk_ms, whose samples keep sample rate, channels and, for
    integers, their type. Every item carries its time from the start of the media, in ms, as its
    timestamp, so that MediaSinkNode writes both in sync. The stream ends with the file. A network
    stream that sends nothing for 10 s fails the session.

    RTSP prefers TCP. HTTP is not redirected, and certificates are verified. A playlist leads to
    other addresses of the same protocols, and never to a file.
    """

    accepts = frozenset()
    produces = frozenset({Kind.VIDEO, Kind.AUDIO})

    def initialize(self) -> None:
        """Check that the source can be read; an address is opened when the session is ready.

        Raises:
            MediaError: there is no such file, or the URL has no host.
            MissingExtraError: PyAV is not installed.
        """
        load_av(type(self).__name__)
        self._address: LiveAddress | str = (
            live_address(self.params.source, redirects=False) or self.params.source
        )
        if isinstance(self._address, str):
            open_bytes(self._address).close()

    async def generate(self) -> AsyncIterator[Timestamped]:
        """Yield the items.

        Raises:
            MediaError: it cannot be opened or decoded, or has no such stream.
        """
        items = read_media(
            self._address,
            _KINDS[self.params.streams],
            chunk_seconds=self.params.chunk_ms / 1000,
        )
        waits = self.params.realtime and isinstance(self._address, str)
        began = trio.current_time()
        try:
            while (timed := await trio.to_thread.run_sync(_next, items)) is not None:
                if waits:
                    await trio.sleep_until(began + timed.seconds)
                yield Timestamped(timed.item, round(timed.seconds * 1000))
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(items.close)


def _next(items: Generator[TimedItem, None, None]) -> TimedItem | None:
    return next(items, None)
