"""Sound and images in the formats that PyAV writes."""

from fractions import Fraction
from typing import Any, Final

from actors import Audio, DataError, Video

from .av_library import av_faults, load_av
from .byte_output import ByteOutput
from .errors import MediaError
from .pcm import as_int16

# Opus in .ogg too: PyAV's wheels (18.1) come without an encoder for Vorbis.
_ENCODERS: Final = {
    ".flac": ("flac", "flac"),
    ".mp3": ("mp3", "libmp3lame"),
    ".ogg": ("ogg", "libopus"),
    ".oga": ("ogg", "libopus"),
    ".opus": ("ogg", "libopus"),
    ".m4a": ("ipod", "aac"),
    ".aac": ("adts", "aac"),
}
AV_AUDIO_SUFFIXES: Final = frozenset(_ENCODERS)
_OPUS_RATE_HZ: Final = 48000

_IMAGE_ENCODERS: Final = {
    ".png": ("png", "rgb24"),
    ".jpg": ("mjpeg", "yuvj444p"),
    ".jpeg": ("mjpeg", "yuvj444p"),
    ".bmp": ("bmp", "bgr24"),
    ".webp": ("libwebp", "bgra"),
}


class AvAudioWriter:
    """Encodes chunks of audio of one format into a file."""

    def __init__(self, file: ByteOutput, suffix: str) -> None:
        self._av = load_av(file.name)
        self._file = file
        self._container_name, self._encoder = _ENCODERS[suffix]
        self._container: Any = None
        self._stream: Any = None
        self._frames = 0

    def write(self, audio: Audio) -> None:
        """Append a chunk.

        Raises:
            MediaError: the encoder does not take that sample rate or number of channels.
        """
        with av_faults(self._av, self._file.name, "encoded"):
            if self._stream is None:
                self._open(audio)
            samples = as_int16(audio)
            layout = self._av.AudioLayout(_layout(audio.channels)).name
            frame = self._av.AudioFrame.from_ndarray(
                samples.reshape(1, -1), format="s16", layout=layout
            )
            frame.sample_rate = audio.sample_rate
            frame.pts = self._frames
            self._frames += audio.frames
            if audio.frames:
                self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what the encoder holds, and complete the file."""
        if self._stream is None:
            return
        with av_faults(self._av, self._file.name, "encoded"):
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def _open(self, audio: Audio) -> None:
        rate = _OPUS_RATE_HZ if self._encoder == "libopus" else audio.sample_rate
        self._container = self._av.open(self._file, "w", format=self._container_name)
        try:
            self._stream = self._container.add_stream(self._encoder, rate=rate)
        except ValueError as error:
            raise MediaError(f"{self._file.name}: this PyAV has no {self._encoder}") from error
        self._stream.layout = _layout(audio.channels)


def encode_image(video: Video, suffix: str, name: str) -> bytes:
    """Return a raw frame as an image file.

    Raises:
        MediaError: it is an encoded frame, or the encoder refuses it.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    encoder, pixel_format = _IMAGE_ENCODERS[suffix]
    with av_faults(av, name, "encoded"):
        frame = av.VideoFrame.from_ndarray(*_for_av(video, name))
        codec = av.CodecContext.create(encoder, "w")
        codec.width, codec.height = video.width, video.height
        codec.pix_fmt = pixel_format
        codec.time_base = Fraction(1, 25)
        if encoder == "mjpeg":
            codec.color_range = 2  # full; yuvj444p alone is deprecated, and warns
        packets = [*codec.encode(frame.reformat(format=pixel_format)), *codec.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def can_write_image(suffix: str) -> bool:
    """Return whether `encode_image` knows the suffix."""
    return suffix in _IMAGE_ENCODERS


def _layout(channels: int) -> str:
    names = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
    return names.get(channels, f"{channels}c")


def _for_av(video: Video, name: str) -> tuple[Any, str]:
    try:
        image = video.image
    except DataError as error:
        if video.format.name in ("YUV420P", "I420") and not (video.width | video.height) & 1:
            return video.pixels.reshape(video.height * 3 // 2, video.width), "yuv420p"
        raise MediaError(f"{name}: {error}") from error
    match image.shape[2]:
        case 1:
            return image[:, :, 0], "gray"
        case 3:
            return image, "rgb24"
        case _:
            return image, "rgba"
