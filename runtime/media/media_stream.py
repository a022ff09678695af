"""The audio and the video of one file, network stream or device, interleaved as they are."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, NamedTuple

from actors import Audio, Kind, Video

from .av_audio_input import AudioChunks, audio_stream
from .av_library import av_errors, load_av
from .av_packets import decoded_frames, open_container, start_of
from .av_video_input import VideoFrames, video_stream
from .byte_input import buffered, open_bytes
from .errors import InterruptedReadError, MediaError
from .live_address import LiveAddress

# A camera that is reached answers within a second, and sends at least some packets each second.
# Nothing can end a wait of FFmpeg for the network earlier.
OPEN_SECONDS: Final = 10.0
"""How long an address may take to answer."""
READ_SECONDS: Final = 10.0
"""How long a network stream may pause before it counts as broken."""


class TimedItem(NamedTuple):
    """An item, and its time from the start of the media in seconds."""

    item: Audio | Video
    seconds: float


def read_media(
    address: LiveAddress | str,
    kinds: frozenset[Kind],
    *,
    chunk_seconds: float,
    check: Callable[[], None] = lambda: None,
) -> Generator[TimedItem, None, None]:
    """Yield the first video stream, the first audio stream, or both, as they come.

    Args:
        address: or the path of a file.
        kinds: AUDIO, VIDEO or both; a stream that is asked for must be there.
        chunk_seconds: the duration of a chunk of audio.
        check: is called before each item; may raise to end the reading.

    Raises:
        MediaError: it cannot be opened or decoded, or has no such stream.
        MissingExtraError: PyAV is not installed.
    """
    name = address if isinstance(address, str) else address.name
    av = load_av(name)
    with _opened(av, address, name) as container:
        streams = []
        if Kind.VIDEO in kinds:
            streams.append(video_stream(container, name))
        if Kind.AUDIO in kinds:
            streams.append(audio_stream(container, name))
        chunks = AudioChunks(av, name, chunk_seconds)
        frames = VideoFrames(av, name, container)
        start: float | None = None
        for frame in decoded_frames(av, container, streams, name):
            check()
            if isinstance(frame, av.VideoFrame):
                video = frames.next(frame)
                yield TimedItem(video, video.timestamp_us / 1e6)
                continue
            if start is None:
                start = start_of(container, float(frame.time or 0.0))
            for audio in chunks.add(frame):
                yield TimedItem(audio, max(chunks.start_seconds - start, 0.0))
        for audio in chunks.finish():
            yield TimedItem(audio, max(chunks.start_seconds - (start or 0.0), 0.0))


def read_live(
    address: LiveAddress,
    kind: Kind,
    *,
    chunk_seconds: float,
    is_interrupted: Callable[[], bool],
) -> Generator[Audio | Video, None, None]:
    """Yield the audio or the video of an address.

    Raises:
        InterruptedReadError: `is_interrupted` returned True.
        MediaError: it cannot be opened or decoded, or has no such stream.
    """

    def check() -> None:
        if is_interrupted():
            raise InterruptedReadError

    kinds = frozenset({kind})
    for timed in read_media(address, kinds, chunk_seconds=chunk_seconds, check=check):
        yield timed.item


def _opened(av: Any, address: LiveAddress | str, name: str) -> AbstractContextManager[Any]:
    return (
        _opened_file(av, address) if isinstance(address, str) else _opened_live(av, address, name)
    )


@contextmanager
def _opened_file(av: Any, path: str) -> Iterator[Any]:
    with buffered(open_bytes(path)) as file, open_container(av, file, path) as container:
        yield container


@contextmanager
def _opened_live(av: Any, address: LiveAddress, name: str) -> Iterator[Any]:
    if address.is_device:
        _find_alsa_settings()
    try:
        with av_errors(av, name, "opened"):
            container = av.open(
                address.target,
                format=address.device_format,
                container_options=address.options,
                timeout=(OPEN_SECONDS, READ_SECONDS),
            )
    except MediaError as error:
        hints = _DEVICE_HINTS if address.is_device else _URL_HINTS
        hint = hints.get(type(error.__cause__).__name__)
        raise (MediaError(f"{error}; {hint}") if hint else error) from error.__cause__
    with container:
        yield container


def _find_alsa_settings() -> None:
    """Let the ALSA library in PyAV's wheels find the settings of this machine.

    The wheels (18.1) look where they were built. A value that the operator has set stays.
    """
    if os.path.exists(_ALSA_SETTINGS):
        os.environ.setdefault("ALSA_CONFIG_PATH", _ALSA_SETTINGS)


_ALSA_SETTINGS: Final = "/usr/share/alsa/alsa.conf"
_USER: Final = "give user and password in the URL: rtsp://USER:PASSWORD@HOST/PATH"
_URL_HINTS: Final = {
    "ExitError": f"it did not answer within {OPEN_SECONDS:g} s",
    "ConnectionRefusedError": "nothing listens there: check host and port",
    "HTTPUnauthorizedError": _USER,
    "PermissionError": _USER,
    "OSError": "check the host, and for https and rtsps that its certificate is valid",
}
_DEVICE_HINTS: Final = {
    "FileNotFoundError": "there is no such device",
    "PermissionError": "this user may not use it; add the user to the group video or audio",
    "OSError": "check that it exists and that no other program uses it",
}
