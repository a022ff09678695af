"""The planes of a raw video frame."""

from typing import Final, NamedTuple

from ..data import Array, PixelFormat, Video
from ..errors import DataError


class Plane(NamedTuple):
    """The layout of one plane in a video frame.

    Attributes:
        channels: values per pixel of the plane, side by side.
        step: pixels of the frame, across and down, for which one pixel of the plane stands.
    """

    channels: int
    step: int

    def shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Return rows, columns and channels; blocks at odd edges count in full."""
        return -(-height // self.step), -(-width // self.step), self.channels


_PLANAR_420: Final = (Plane(1, 1), Plane(1, 2), Plane(1, 2))

PLANES: Final = {
    PixelFormat.RGB24: (Plane(3, 1),),
    PixelFormat.RGBA32: (Plane(4, 1),),
    PixelFormat.GRAY8: (Plane(1, 1),),
    PixelFormat.YUV420P: _PLANAR_420,
    PixelFormat.I420: _PLANAR_420,
    PixelFormat.NV12: (Plane(1, 1), Plane(2, 2)),
}
"""The planes of every raw format, in their order in memory."""


def split_planes(pixels: Array, pixel_format: PixelFormat, width: int, height: int) -> list[Array]:
    """Return views of the planes, each of shape (rows, columns, channels).

    Args:
        pixels: shape (bytes,), as long as the format and the size need.
        pixel_format: a raw format.
        width: of the frame, in pixels.
        height: of the frame, in pixels.
    """
    views, begin = [], 0
    for plane in PLANES[pixel_format]:
        rows, columns, channels = plane.shape(width, height)
        end = begin + rows * columns * channels
        views.append(pixels[begin:end].reshape(rows, columns, channels))
        begin = end
    return views


def check_format(item: Video, formats: tuple[PixelFormat, ...], node_type: str) -> None:
    """Raise DataError unless the frame has one of the formats."""
    if item.format not in formats:
        names = ", ".join(each.name for each in formats)
        raise DataError(f"{node_type} takes frames of the formats {names}, got {item.format.name}")
