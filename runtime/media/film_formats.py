"""The containers of films, and the encoders for each."""

from dataclasses import dataclass
from typing import Any, Final

from .errors import CodecError

_H264: Final = ("libx264", "libopenh264", "mpeg4")
_VP9: Final = ("libvpx-vp9", "libvpx")
# What keeps up with a camera. Frames per second of 1280 x 720 on 2 busy cores, 2026-11-27: libx264
# "veryfast" 42, "medium" 27; libvpx-vp9 as below 31, by its defaults 10.
_SPEED: Final = {
    "libx264": {"preset": "veryfast"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": "32"},
    "libvpx": {"deadline": "realtime", "cpu-used": "7", "crf": "16"},
}
# Without these the encoder holds half a second of frames back, to look ahead.
_LIVE: Final = {"libx264": {"tune": "zerolatency"}, "libvpx-vp9": {"lag-in-frames": "0"}}
# One stream of a pipeline may be ahead of the other: packets wait in memory to get into order.
_INTERLEAVE_MICROSECONDS: Final = "120000000"
# A constant quality; libvpx takes a bit rate of 0 for "by crf alone".
_BY_QUALITY: Final = frozenset({"libvpx-vp9"})


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """A container of films.

    Attributes:
        container: as FFmpeg names it.
        video, audio: encoders, the best first; PyAV may lack one.
        needs_seeking: whether a plain file of it is completed at its beginning. To a pipe it is
            written in fragments.
    """

    container: str
    video: tuple[str, ...]
    audio: tuple[str, ...]
    needs_seeking: bool = False

    def options(self, *, is_live: bool) -> dict[str, str]:
        """Return the options of the container; a live one passes on each packet at once."""
        options = {"max_interleave_delta": _INTERLEAVE_MICROSECONDS}
        if is_live:
            options["flush_packets"] = "1"
        if is_live and self.needs_seeking:
            options["movflags"] = "frag_keyframe+empty_moov+default_base_moof"
        return options


_MP4: Final = FilmFormat("mp4", _H264, ("aac",), needs_seeking=True)
_MATROSKA: Final = FilmFormat("matroska", _H264, ("libopus", "aac"))
_FORMATS: Final = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": FilmFormat("mov", _H264, ("aac",), needs_seeking=True),
    ".mkv": _MATROSKA,
    ".webm": FilmFormat("webm", _VP9, ("libopus",)),
    ".ts": FilmFormat("mpegts", _H264, ("aac",)),
}
FILM_SUFFIXES: Final = frozenset(_FORMATS)
"""The suffixes of films that are written."""


def film_format(suffix: str) -> FilmFormat:
    """Return the format for a suffix; Matroska where a stream has none."""
    return _FORMATS.get(suffix, _MATROSKA)


def find_encoder(av: Any, candidates: tuple[str, ...], name: str) -> str:
    """Return the first encoder that this PyAV has.

    Raises:
        CodecError: it has none of them.
    """
    for candidate in candidates:
        try:
            av.Codec(candidate, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        return candidate
    raise CodecError(
        f"{name}: this PyAV has no encoder {' or '.join(candidates)}; choose another suffix: "
        f"{', '.join(sorted(FILM_SUFFIXES))}"
    )


def encoder_options(encoder: str, *, is_live: bool) -> dict[str, str]:
    """Return the options of a video encoder."""
    return {**_SPEED.get(encoder, {}), **(_LIVE.get(encoder, {}) if is_live else {})}


def is_of_constant_quality(encoder: str) -> bool:
    """Return whether the encoder needs a bit rate of 0 to choose it by quality."""
    return encoder in _BY_QUALITY
