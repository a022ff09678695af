"""Packets of a media file to decoded frames: damage costs the damaged packets only."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from .av_library import av_errors
from .errors import CodecError, MediaError

_log = logging.getLogger("millrace.media")

# A file of which FFmpeg cannot read this many packets one after the other has no more to give.
_MOST_READ_ERRORS: Final = 100

# Clocks of container formats are coarse; what is missing is at least one packet.
_SHORTEST_GAP_SECONDS: Final = 0.05

# A picture with more pixels is refused before FFmpeg allocates its memory.
_MOST_PIXELS: Final = 16384 * 16384

# Playlists, and descriptions of network streams, name other files and addresses. Whoever has the
# file did not ask for those, so nothing is opened beside it.
_NOTHING_ELSE: Final = {"protocol_whitelist": "none"}

# A film one of whose streams begins this much later than the others is taken at its word. What
# claims to begin later still has a clock of its own, as broadcasts do.
_LONGEST_DELAY_SECONDS: Final = 60.0


@contextmanager
def open_container(av: Any, file: io.BufferedIOBase, name: str) -> Iterator[Any]:
    """Open a file for decoding; whatever it names, no other file and no address is opened.

    Raises:
        MediaError: it is in no format that FFmpeg knows, or is damaged at its beginning.
    """
    with av_errors(av, name, "read as sound or pictures"):
        container = av.open(file, container_options=_NOTHING_ELSE)
    with container:
        yield container


def decoded_frames(av: Any, container: Any, streams: Sequence[Any], name: str) -> Iterator[Any]:
    """Yield the frames of streams; skip packets that cannot be decoded, and warn at the end.

    Args:
        av: the module.
        container: the open file.
        streams: some of its streams, at most one of each kind.
        name: the file, for messages.

    Raises:
        MediaError: no packet can be decoded, or FFmpeg has no decoder for the stream.
    """
    for stream in streams:
        with av_errors(av, name, "decoded"):
            if stream.codec_context is None:
                raise MediaError(
                    f"{name}: cannot be decoded: PyAV has no decoder for its codec; convert it "
                    "first"
                )
            if stream.type == "video":
                stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
    damage = _Damage(name)
    for packet in _packets(av, container, streams, damage):
        try:
            with av_errors(av, name, "decoded"):
                frames = packet.decode()
        except CodecError as error:
            damage.add(packet, error)
            continue
        damage.decoded += len(frames)
        for frame in frames:
            if packet.stream.type == "audio":
                damage.note_time(frame)
            yield frame
    damage.report()


def start_of(container: Any, first_seconds: float) -> float:
    """Return the time at which a film starts, in seconds of its own clock."""
    if container.start_time is None:
        return first_seconds
    start: float = container.start_time / 1_000_000
    is_plausible = start <= first_seconds <= start + _LONGEST_DELAY_SECONDS
    return start if is_plausible else first_seconds


class _Damage:
    """Counts what cannot be decoded."""

    def __init__(self, name: str) -> None:
        self.decoded = 0
        self.packets = 0
        self.read_errors = 0
        self._name = name
        self._damaged = 0
        self._seconds = 0.0
        self._gap_seconds = 0.0
        self._expected: float | None = None
        self._first: CodecError | None = None

    def add(self, packet: Any, error: CodecError) -> None:
        """Count a packet that cannot be decoded."""
        self._damaged += 1
        if packet.duration and packet.time_base:
            self._seconds += float(packet.duration * packet.time_base)
        self._first = self._first or error

    def note_time(self, frame: Any) -> None:
        """Note the time of an audio frame: some decoders skip what is damaged without an error."""
        start = self._expected if frame.time is None else frame.time
        if start is None:
            return
        if self._expected is not None and start - self._expected > _SHORTEST_GAP_SECONDS:
            self._gap_seconds += start - self._expected
        self._expected = start + frame.samples / frame.sample_rate

    def add_read_error(self, error: CodecError) -> None:
        """Count a place where the container format itself is damaged."""
        self.read_errors += 1
        self._first = self._first or error

    def report(self) -> None:
        """Warn of what is missing.

        Raises:
            MediaError: nothing was decoded, and there was something to decode.
        """
        if self._gap_seconds:
            _log.warning(
                "%s: %.2f s are missing between its samples, as in a damaged file; what follows a "
                "gap comes without a pause",
                self._name,
                self._gap_seconds,
            )
        if self._first is None:
            if not self.decoded:
                _log.warning("%s: has no samples and no pictures", self._name)
            return
        if not self.decoded:
            raise self._first
        missing = f"{self._damaged} of {self.packets} packets"
        if self._seconds:
            missing += f", {self._seconds:.2f} s,"
        if self.read_errors:
            missing += f" and what follows {self.read_errors} damaged places"
        _log.warning(
            "%s: is damaged: %s could not be decoded and are missing; the rest was used",
            self._name,
            missing,
        )


def _packets(av: Any, container: Any, streams: Sequence[Any], damage: _Damage) -> Iterator[Any]:
    """Yield the packets of streams, and go on behind places where reading fails."""
    failures = 0
    while failures < _MOST_READ_ERRORS:
        packets = container.demux(streams)
        while True:
            try:
                with av_errors(av, damage._name, "read to its end"):
                    packet = next(packets, None)
            except CodecError as error:
                failures += 1
                damage.add_read_error(error)
                break
            if packet is None:
                return
            failures = 0
            # The last packet is empty: it makes the decoder return what it holds.
            damage.packets += bool(packet.size)
            yield packet
