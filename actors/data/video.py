"""Video frames."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np

from ..errors import DataError
from ..kinds import Kind
from ._base import Array, Data, as_array, check_range, frozen_array


class PixelFormat(IntEnum):
    """The layout of pixels in memory; the numbers are those of the wire contract."""

    UNSPECIFIED = 0
    RGB24 = 1
    RGBA32 = 2
    YUV420P = 3
    GRAY8 = 4
    I420 = 5
    NV12 = 6
    ENCODED = 255


class VideoCodec(IntEnum):
    """The codec of an encoded video frame; the numbers are those of the wire contract."""

    UNSPECIFIED = 0
    VP8 = 1
    H264 = 2
    AV1 = 3


_PACKED_CHANNELS: Final = {PixelFormat.RGB24: 3, PixelFormat.RGBA32: 4, PixelFormat.GRAY8: 1}
_PLANAR_420: Final = frozenset({PixelFormat.YUV420P, PixelFormat.I420, PixelFormat.NV12})


@dataclass(frozen=True, slots=True, eq=False)
class Video(Data):
    """One video frame, raw or encoded.

    Attributes:
        pixels: shape (bytes,), dtype uint8, the planes one after the other. Read-only. A packed
            image of shape (height, width, channels) is accepted.
        width, height: in pixels.
        format: the layout of the pixels; ENCODED for a compressed frame of `codec`.
        frame_number: counts the frames of a stream.
        timestamp_us: presentation time in microseconds.
        is_keyframe: whether an encoded frame can be decoded without others.

    Raises:
        DataError: another dtype, or a raw frame whose length does not match its size and format.
    """

    kind: ClassVar[Kind] = Kind.VIDEO

    pixels: Array
    width: int
    height: int
    format: PixelFormat = PixelFormat.RGB24
    frame_number: int = 0
    timestamp_us: int = 0
    codec: VideoCodec = VideoCodec.UNSPECIFIED
    is_keyframe: bool = False

    def __post_init__(self) -> None:
        """Check and freeze."""
        super(Video, self).__post_init__()
        pixels = as_array(self.pixels, "video pixels")
        if pixels.dtype != np.uint8:
            raise DataError(f"video pixels must be uint8, got {pixels.dtype}")
        check_range("width (pixels)", self.width, 0, 2**32 - 1)
        check_range("height (pixels)", self.height, 0, 2**32 - 1)
        check_range("frame_number", self.frame_number, 0, 2**64 - 1)
        check_range("timestamp_us", self.timestamp_us, 0, 2**64 - 1)
        expected = frame_bytes(self.format, self.width, self.height)
        if expected is not None and pixels.size != expected:
            raise DataError(
                f"a {self.width} x {self.height} {self.format.name} frame has {expected} bytes, "
                f"got {pixels.size}"
            )
        object.__setattr__(self, "pixels", frozen_array(pixels).reshape(-1))

    @property
    def image(self) -> Array:
        """The frame as an array of shape (height, width, channels), dtype uint8, without a copy.

        Raises:
            DataError: the format is planar, encoded or unspecified, and has no such view.
        """
        channels = _PACKED_CHANNELS.get(self.format)
        if channels is None:
            raise DataError(
                f"a {self.format.name} frame has no packed image; RGB24, RGBA32 and GRAY8 have"
            )
        return self.pixels.reshape(self.height, self.width, channels)


def frame_bytes(pixel_format: PixelFormat, width: int, height: int) -> int | None:
    """Return the length of a raw frame in bytes, or None where the format does not fix it."""
    channels = _PACKED_CHANNELS.get(pixel_format)
    if channels is not None:
        return width * height * channels
    if pixel_format in _PLANAR_420:
        # 4:2:0: one chroma sample per block of 2 x 2 pixels; blocks at odd edges count in full.
        return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    return None
