"""Audio and images in the formats that PyAV writes."""

from fractions import Fraction
from typing import Any, Final

from actors import Audio, Video

from .audio_format import AudioFormat
from .av_frames import LAYOUTS, audio_frame, nearest_format, picture_for_av
from .av_library import AvOutput, av_errors, load_av
from .byte_output import ByteOutput
from .errors import MediaError

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

    def begin(self, offered: AudioFormat) -> AudioFormat:
        """Begin the file, and return its format: the nearest one that the encoder takes.

        Raises:
            MediaError: this PyAV does not have the encoder.
        """
        with av_errors(self._av, self._file.name, "encoded"):
            chosen = nearest_format(self._av, self._encoder, offered, self._file.name)
            self._container = self._av.open(AvOutput(self._file), "w", format=self._container_name)
            self._stream = self._container.add_stream(self._encoder, rate=chosen.sample_rate)
            self._stream.layout = LAYOUTS[chosen.channels - 1]
        return chosen

    def write(self, audio: Audio) -> None:
        """Append a chunk of the file's format."""
        if not audio.frames:
            return
        with av_errors(self._av, self._file.name, "encoded"):
            frame = audio_frame(self._av, audio, self._stream.layout.name, self._frames)
            self._frames += audio.frames
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what the encoder holds, and complete the file."""
        if self._stream is None:
            return
        with av_errors(self._av, self._file.name, "encoded"):
            self._container.mux(self._stream.encode(None))
            self._container.close()


def encode_image(video: Video, suffix: str, name: str) -> bytes:
    """Return a raw video frame as an image file.

    Raises:
        MediaError: it is an encoded frame, or the encoder refuses it.
        MissingExtraError: PyAV is not installed.
    """
    if not video.width or not video.height:
        raise MediaError(f"{name}: a frame of {video.width} x {video.height} pixels is no image")
    av = load_av(name)
    encoder, pixel_format = _IMAGE_ENCODERS[suffix]
    with av_errors(av, name, "encoded"):
        frame = av.VideoFrame.from_ndarray(*picture_for_av(video, name))
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
