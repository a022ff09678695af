"""The streams of a film that is written: frames and samples become packets with their times."""

from fractions import Fraction
from typing import Any, Final

from actors import Audio, PixelFormat, Video

from .audio_format import AudioFormat
from .av_frames import LAYOUTS, audio_frame, nearest_format, picture_for_av
from .av_library import av_errors
from .errors import MediaError
from .film_clock import FrameClock
from .film_formats import encoder_options, is_of_constant_quality

# Players take this for granted where the size is that of a film, so RGB is converted by it, and the
# stream is marked with it.
_PLANAR: Final = frozenset({PixelFormat.YUV420P, PixelFormat.I420, PixelFormat.NV12})
_BT709: Final = 1
_LIMITED_RANGE: Final = 1


class Track:
    """One stream of a film.

    Attributes:
        start_seconds: when it began, by the times of its items.
        delay_seconds: how much later than the other stream it plays.
    """

    def __init__(self, av: Any, name: str, start_seconds: float) -> None:
        self.start_seconds = start_seconds
        self.delay_seconds = Fraction(0)
        self._av = av
        self._name = name
        self._stream: Any = None

    def finish(self) -> list[Any]:
        """Return the packets that the encoder holds."""
        with av_errors(self._av, self._name, "encoded"):
            packets: list[Any] = self._stream.encode(None)
        return packets

    def decoded_at(self, packet: Any) -> float:
        """Return when a packet of this stream is decoded, in seconds."""
        return float(self.delay_seconds + (packet.dts or 0) * (packet.time_base or 0))


class VideoTrack(Track):
    """A video stream: frames of one size, in the format of the encoder."""

    def __init__(self, av: Any, name: str, encoder: str, first: Video, clock: FrameClock) -> None:
        """Check the first frame.

        Raises:
            MediaError: the frames cannot be encoded; the message has what to do.
        """
        super().__init__(av, name, first.timestamp_us / 1e6)
        self._encoder = encoder
        self._clock = clock
        self._size = (first.width, first.height)
        self._is_planar = first.format in _PLANAR
        _check_size(first, name)

    def open(self, container: Any, *, is_live: bool) -> None:
        """Add the stream to the container."""
        options = encoder_options(self._encoder, is_live=is_live)
        stream = container.add_stream(self._encoder, rate=self._clock.rate, options=options)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = Fraction(1, self._clock.ticks_per_second)
        if not self._is_planar:  # their colours were converted by somebody else
            codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
            codec.color_range = _LIMITED_RANGE
        if is_of_constant_quality(self._encoder):
            stream.bit_rate = 0
        self._stream = stream

    def encode(self, video: Video) -> list[Any]:
        """Return the packets of the next frame: none while the encoder looks ahead.

        Raises:
            MediaError: the frame has another size, or is encoded already.
        """
        if (video.width, video.height) != self._size:
            raise MediaError(
                f"{self._name}: the video changed from {self._size[0]} x {self._size[1]} to "
                f"{video.width} x {video.height} pixels at frame {video.frame_number}, and a film "
                "has one size; put a VideoScaler before the output"
            )
        pixels, layout = picture_for_av(video, self._name)
        with av_errors(self._av, self._name, "encoded"):
            frame = self._av.VideoFrame.from_ndarray(pixels, format=layout)
            if layout != "yuv420p":
                colours = None if self._is_planar else "ITU709"
                frame = frame.reformat(format="yuv420p", dst_colorspace=colours)
            frame.pts = self._clock.tick(video.timestamp_us)
            frame.time_base = Fraction(1, self._clock.ticks_per_second)
            packets: list[Any] = self._stream.encode(frame)
        return packets


class AudioTrack(Track):
    """An audio stream: chunks of one format, one after the other.

    Attributes:
        format: what `encode` takes; the nearest one to what was offered.
    """

    def __init__(
        self, av: Any, name: str, encoder: str, offered: AudioFormat, start_seconds: float
    ) -> None:
        super().__init__(av, name, start_seconds)
        self.format = nearest_format(av, encoder, offered, name)
        self._encoder = encoder
        self._frames = 0

    def open(self, container: Any) -> None:
        """Add the stream to the container."""
        self._stream = container.add_stream(self._encoder, rate=self.format.sample_rate)
        self._stream.layout = LAYOUTS[self.format.channels - 1]

    def encode(self, audio: Audio) -> list[Any]:
        """Return the packets of the next chunk, which has the track's format."""
        if not audio.frames:
            return []
        with av_errors(self._av, self._name, "encoded"):
            frame = audio_frame(self._av, audio, self._stream.layout.name, self._frames)
            self._frames += audio.frames
            packets: list[Any] = self._stream.encode(frame)
        return packets


def _check_size(first: Video, name: str) -> None:
    width, height = first.width, first.height
    if not width or not height:
        raise MediaError(f"{name}: a frame of {width} x {height} pixels is no picture")
    if (width | height) & 1:
        raise MediaError(
            f"{name}: films have an even width and height (4:2:0 colour), and the frames have "
            f"{width} x {height} pixels; put a VideoScaler before the output, which makes "
            f"{width + width % 2} x {height + height % 2} of them"
        )
