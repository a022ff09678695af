"""Items as the frames that PyAV encodes."""

import logging
from typing import Any, Final

from actors import Array, Audio, DataError, Video

from .audio_format import AudioFormat
from .errors import CodecError, MediaError
from .pcm import as_int16

_log = logging.getLogger("millrace.media")

# The layouts of up to 8 channels that all encoders but MP3's take.
LAYOUTS: Final = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
"""FFmpeg's names of the channel layouts, by the number of channels less 1."""

_HIGHEST_FLAC_HZ: Final = 655_350
_PLANAR: Final = {"YUV420P": "yuv420p", "I420": "yuv420p", "NV12": "nv12"}
_PACKED: Final = {1: "gray", 3: "rgb24", 4: "rgba"}


def audio_frame(av: Any, audio: Audio, layout: str, start: int) -> Any:
    """Return a chunk as an audio frame of 16 bits that begins at sample `start` of its stream."""
    frame = av.AudioFrame.from_ndarray(as_int16(audio).reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = audio.sample_rate
    frame.pts = start
    return frame


def nearest_format(av: Any, encoder: str, offered: AudioFormat, name: str) -> AudioFormat:
    """Return the format nearest to the offered one that an encoder takes; warn of what is lost.

    Raises:
        CodecError: this PyAV does not have the encoder.
    """
    try:
        codec = av.Codec(encoder, "w")
    except (av.error.FFmpegError, ValueError) as error:
        raise CodecError(
            f"{name}: this PyAV has no encoder {encoder}; choose another suffix, such as .wav"
        ) from error
    rates = sorted(codec.audio_rates or ())
    if rates:
        higher = [rate for rate in rates if rate >= offered.sample_rate]
        rate = higher[0] if higher else rates[-1]
    else:
        rate = min(offered.sample_rate, _HIGHEST_FLAC_HZ)
    most = 2 if encoder == "libmp3lame" else len(LAYOUTS)
    chosen = AudioFormat(rate, offered.channels if offered.channels <= most else 2)
    # A higher sample rate loses nothing, so there is no warning.
    if chosen.sample_rate < offered.sample_rate or chosen.channels < offered.channels:
        _log.warning("%s: %s does not take %s; converted to %s", name, encoder, offered, chosen)
    return chosen


def picture_for_av(video: Video, name: str) -> tuple[Array, str]:
    """Return the pixels of a raw video frame as PyAV takes them, with FFmpeg's name of the format.

    Raises:
        MediaError: it is an encoded frame, or a planar one of odd size.
    """
    try:
        image = video.image
    except DataError as error:
        planar = _PLANAR.get(video.format.name)
        if planar and not (video.width | video.height) & 1:
            return video.pixels.reshape(video.height * 3 // 2, video.width), planar
        raise MediaError(f"{name}: {error}") from error
    channels = image.shape[2]
    return image[:, :, 0] if channels == 1 else image, _PACKED[channels]
