"""A film: the video of one node, and the audio of one node."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from actors import Audio, Data, Kind, Video

from .audio_format import AudioConverter, AudioFormat
from .byte_output import ByteOutput
from .errors import MediaError
from .film_clock import FrameClock
from .film_output import FilmOutput
from .film_tracks import AudioTrack, VideoTrack

_log = logging.getLogger("millrace.media")

BOTH: Final = frozenset({Kind.AUDIO, Kind.VIDEO})

# Between chunks whose times are further apart there is silence. Times of chunks are in whole
# milliseconds, and those of a network camera vary by some tens of them.
_SHORTEST_GAP_SECONDS: Final = 0.15
# A longer one means that the clock was set anew.
_LONGEST_GAP_SECONDS: Final = 600.0
_FRAMES_FOR_RATE: Final = 6
_SILENCE_SECONDS: Final = 1.0
_MOST_DIGITS: Final = 15


class FilmSink:
    """Writes video and audio into one file, each with its own times.

    A video frame is shown at its `timestamp_us`. Audio plays without a break, except where the
    times of its chunks leave a gap: their metadata start_ms, or else the timestamp of the item.
    """

    accepts = BOTH

    def __init__(self, file: ByteOutput, suffix: str, expects: frozenset[Kind] = BOTH) -> None:
        """Prepare the file.

        Args:
            file: for the film.
            suffix: decides about the container.
            expects: the kinds that come. The header is written when all of them have come.

        Raises:
            MissingExtraError: PyAV is not installed.
        """
        self.name = file.name
        self._file = file
        self._output = FilmOutput(file, suffix)
        self._missing = set(expects & BOTH)
        self._video = _VideoPart(self._output)
        self._audio = _AudioPart(self._output)
        self._is_failed = False

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Append a frame or a chunk.

        Raises:
            MediaError: it does not fit to what was written before, or cannot be encoded.
        """
        self._is_failed = True  # unless the end of this is reached
        if isinstance(data, Video):
            self._video.add(data, node_id)
        else:
            assert isinstance(data, Audio)
            self._audio.add(data, node_id, timestamp_ms)
        self._missing.discard(data.kind)
        if not self._missing and not self._output.is_begun:
            self._begin_if_complete()
        self._is_failed = False

    def flush(self) -> None:
        """Do nothing: what an encoder has finished is passed on at once to a pipe."""

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Complete the file and close it; rename it if a failure has left it incomplete.

        Raises:
            MediaError: it cannot be completed.
        """
        try:
            if self._is_failed:
                self._output.abandon()
                return
            self._is_failed = True
            self._video.finish()
            self._audio.finish()
            self._output.finish()
            self._is_failed = False
        finally:
            if self._is_failed:
                self._file.discard()
            self._file.close()

    def _begin_if_complete(self) -> None:
        """Write the header, if the tracks of all kinds that have come are known."""
        if not self._video.is_waiting:
            self._output.begin()


class _VideoPart:
    """The video of a film. The first frames wait: together they give the rate."""

    def __init__(self, output: FilmOutput) -> None:
        self._output = output
        self._node_id: str | None = None
        self._first: list[Video] = []
        self._track: VideoTrack | None = None
        self._clock: FrameClock | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether there is a frame, and no track for it yet."""
        return bool(self._first)

    def add(self, video: Video, node_id: str) -> None:
        """Append a frame."""
        self._node_id = _same_node(self._output, self._node_id, node_id, "video")
        if self._track is not None:
            self._encode(video)
            return
        # Copied: while memory is shared with another process, its producer waits for it.
        self._first.append(replace(video, pixels=video.pixels.copy()))
        if len(self._first) == _FRAMES_FOR_RATE:
            self._start()

    def finish(self) -> None:
        """Encode the frames of a video of few frames."""
        if self._first:
            self._start()

    def _start(self) -> None:
        _check_not_begun(self._output, "video")
        first, self._first = self._first, []
        self._clock = FrameClock([frame.timestamp_us for frame in first])
        self._track = self._output.add_video(first[0], self._clock)
        if not self._clock.has_times:
            _log.warning(
                "%s: the video frames have no times (timestamp_us), so they play at %d per second",
                self._output.name,
                self._clock.rate,
            )
        for frame in first:
            self._encode(frame)

    def _encode(self, video: Video) -> None:
        assert self._track is not None
        assert self._clock is not None
        was_set = self._clock.was_set
        self._output.put(self._track, self._track.encode(video))
        if self._clock.was_set and not was_set:
            _log.warning(
                "%s: the times of the video jump at frame %d; it goes on without a gap there",
                self._output.name,
                video.frame_number,
            )


class _AudioPart:
    """The audio of a film."""

    def __init__(self, output: FilmOutput) -> None:
        self._output = output
        self._node_id: str | None = None
        self._track: AudioTrack | None = None
        self._converter: AudioConverter | None = None
        # Where the next chunk starts, by the times of the chunks.
        self._expected_seconds = 0.0

    def add(self, audio: Audio, node_id: str, timestamp_ms: int) -> None:
        """Append a chunk, behind silence if its time leaves a gap."""
        self._node_id = _same_node(self._output, self._node_id, node_id, "audio")
        start = _start_of(audio, timestamp_ms)
        if self._converter is None:
            _check_not_begun(self._output, "audio")
            self._track = self._output.add_audio(AudioFormat.of(audio), start or 0.0)
            self._converter = AudioConverter(self._track.format, self._output.name)
            self._expected_seconds = start or 0.0
        elif start is not None:
            self._fill_gap(audio, start - self._expected_seconds)
            is_later = start > self._expected_seconds
            self._expected_seconds = start if is_later else self._expected_seconds
        self._expected_seconds += audio.duration_seconds
        self._encode(self._converter.convert(audio))

    def finish(self) -> None:
        """Encode what the conversion still holds."""
        if self._converter is not None:
            self._encode(self._converter.finish())

    def _fill_gap(self, audio: Audio, seconds: float) -> None:
        if not _SHORTEST_GAP_SECONDS < seconds <= _LONGEST_GAP_SECONDS:
            return
        assert self._converter is not None
        left = round(seconds * audio.sample_rate)
        while left > 0:
            frames = min(left, max(round(_SILENCE_SECONDS * audio.sample_rate), 1))
            silence = np.zeros((frames, audio.channels), audio.samples.dtype)
            self._encode(self._converter.convert(replace(audio, samples=silence)))
            left -= frames

    def _encode(self, chunks: Iterator[Audio]) -> None:
        assert self._track is not None
        for chunk in chunks:
            self._output.put(self._track, self._track.encode(chunk))


def _start_of(audio: Audio, timestamp_ms: int) -> float | None:
    """Return when a chunk starts, in seconds; None if it has no time."""
    start_ms = audio.metadata.get("start_ms", "")
    if start_ms.isascii() and start_ms.isdecimal() and len(start_ms) <= _MOST_DIGITS:
        return int(start_ms) / 1000
    return timestamp_ms / 1000 if timestamp_ms else None


def _same_node(output: FilmOutput, before: str | None, node_id: str, what: str) -> str:
    if before not in (None, node_id):
        raise MediaError(
            f"{output.name}: takes the {what} of one node, and got it from {before!r} and "
            f"{node_id!r}; give each its own file with --output {node_id}=FILE"
        )
    return node_id


def _check_not_begun(output: FilmOutput, what: str) -> None:
    if output.is_begun:
        raise MediaError(
            f"{output.name}: its {what} begins so late that the film is being written without it; "
            "write it to a file of its own"
        )
