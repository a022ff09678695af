"""The streams of a film, written into one file."""

from fractions import Fraction
from typing import Any, Final

from actors import Video

from .audio_format import AudioFormat
from .av_library import AvOutput, av_errors, load_av
from .byte_output import ByteOutput
from .errors import InterruptedReadError, MediaError, ReaderGoneError
from .film_clock import FrameClock
from .film_formats import film_format, find_encoder
from .film_tracks import AudioTrack, Track, VideoTrack

# Encoded packets that wait for the header of the file, which names all streams: a minute of video,
# many minutes of audio. The reader of a pipe does not wait so long.
_MOST_HELD_BYTES: Final = 16 * 1024 * 1024
_MOST_HELD_LIVE_BYTES: Final = 1024 * 1024
# Streams that begin further apart have different clocks, and are taken to begin together.
_LONGEST_OFFSET_SECONDS: Final = 60.0


class FilmOutput:
    """A file with a video stream, an audio stream, or both.

    Attributes:
        name: of the file, for messages.
        is_begun: whether the header is written, so that no stream can be added.
    """

    def __init__(self, file: ByteOutput, suffix: str) -> None:
        """Prepare a file; nothing is written yet.

        Raises:
            MissingExtraError: PyAV is not installed.
        """
        self.name = file.name
        self.is_begun = False
        self._av = load_av(file.name)
        self._file = file
        self._format = film_format(suffix)
        # The reader of a pipe may be a player that follows.
        self._is_live = not file.seekable()
        self._container: Any = None
        self._tracks: list[Track] = []
        self._held: list[tuple[Track, Any]] = []
        self._held_bytes = 0

    def add_video(self, first: Video, clock: FrameClock) -> VideoTrack:
        """Add the video stream.

        Raises:
            MediaError: the frames cannot be encoded.
        """
        encoder = find_encoder(self._av, self._format.video, self.name)
        track = VideoTrack(self._av, self.name, encoder, first, clock)
        with av_errors(self._av, self.name, "encoded"):
            track.open(self._opened(), is_live=self._is_live)
        self._tracks.append(track)
        return track

    def add_audio(self, offered: AudioFormat, start_seconds: float) -> AudioTrack:
        """Add the audio stream, in the nearest format that its encoder takes."""
        encoder = find_encoder(self._av, self._format.audio, self.name)
        track = AudioTrack(self._av, self.name, encoder, offered, start_seconds)
        with av_errors(self._av, self.name, "encoded"):
            track.open(self._opened())
        self._tracks.append(track)
        return track

    def put(self, track: Track, packets: list[Any]) -> None:
        """Write packets, or hold them until the header can be written."""
        for packet in packets:
            if self.is_begun:
                self._mux(track, packet)
            else:
                self._held.append((track, packet))
                self._held_bytes += packet.size
        if self._held_bytes > (_MOST_HELD_LIVE_BYTES if self._is_live else _MOST_HELD_BYTES):
            self.begin()

    def begin(self) -> None:
        """Write the header, and what was held: no stream comes any more."""
        if self.is_begun or not self._tracks:
            return
        self.is_begun = True
        starts = [each.start_seconds for each in self._tracks]
        if max(starts) - min(starts) <= _LONGEST_OFFSET_SECONDS:
            for track in self._tracks:
                track.delay_seconds = Fraction(track.start_seconds - min(starts))
        held, self._held = self._held, []
        held.sort(key=lambda each: each[0].decoded_at(each[1]))
        for track, packet in held:
            self._mux(track, packet)

    def finish(self) -> None:
        """Encode what the encoders hold, and complete the file."""
        for track in self._tracks:
            self.put(track, track.finish())
        self.begin()
        if self._container is not None:
            with av_errors(self._av, self.name, "encoded"):
                self._container.close()

    def abandon(self) -> None:
        """Release the encoders after a failure; the file stays incomplete."""
        self._held.clear()
        if self._container is None:
            return
        try:
            with av_errors(self._av, self.name, "encoded"):
                self._container.close()
        except (InterruptedReadError, MediaError, ReaderGoneError):
            pass  # the failure before it is the one to report

    def _opened(self) -> Any:
        if self._container is None:
            self._container = self._av.open(
                AvOutput(self._file),
                "w",
                format=self._format.container,
                container_options=self._format.options(is_live=self._is_live),
            )
        return self._container

    def _mux(self, track: Track, packet: Any) -> None:
        if track.delay_seconds and packet.time_base:
            ticks = round(track.delay_seconds / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        with av_errors(self._av, self.name, "encoded"):
            self._container.mux(packet)
