"""VideoScaler."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from pydantic import model_validator

from ..actor import Actor
from ..data import Array, PixelFormat, Video
from ..data.video import frame_bytes
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._extras import import_library
from ._library_errors import library_errors
from ._planes import PLANES, check_format, split_planes

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

_LARGEST: Final = 16384

_AV_FORMATS: Final = {
    PixelFormat.RGB24: "rgb24",
    PixelFormat.RGBA32: "rgba",
    PixelFormat.GRAY8: "gray",
    PixelFormat.YUV420P: "yuv420p",
    PixelFormat.I420: "yuv420p",
    PixelFormat.NV12: "nv12",
}

# libswscale is inexact by default: when an RGB frame was halved, red beside blue was wrong by 41 of
# 255, and with these flags by 1.
_FLAGS: Final = ("ACCURATE_RND", "FULL_CHR_H_INT", "FULL_CHR_H_INP", "BITEXACT")

# Its filters' weights have 14 bits: from a 64th down they lose levels, at a 2048th the frame is
# black. So a frame that shrinks by more than this is shrunk in several steps.
_MOST_SHRINKING: Final = 16


class VideoScalerParams(Params):
    """The size of VideoScaler's frames."""

    target_width: int = Field(
        1280,
        ge=0,
        le=_LARGEST,
        description="pixels, an odd number is rounded up; 0: by target_height and the aspect",
    )
    target_height: int = Field(
        720,
        ge=0,
        le=_LARGEST,
        description="pixels, an odd number is rounded up; 0: by target_width and the aspect",
    )
    algorithm: Literal["bilinear", "bicubic", "lanczos"] = Field(
        "bilinear", description='"bilinear", "bicubic" or "lanczos"; sharper is slower'
    )
    maintain_aspect_ratio: bool = Field(
        True,
        description="true: the largest size that fits into the target with the frame's own aspect; "
        "false: the target, distorted where the aspects differ",
    )

    @model_validator(mode="after")
    def _some_size(self) -> Self:
        if self.target_width == 0 and self.target_height == 0:
            raise ValueError(
                "target_width and target_height must not both be 0: one follows from the other"
            )
        return self

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that a frame of `width` x `height` pixels becomes: two even numbers.

        >>> VideoScalerParams().size_for(1920, 1080)
        (1280, 720)
        >>> VideoScalerParams().size_for(640, 640)
        (720, 720)
        >>> VideoScalerParams(target_width=0, target_height=480).size_for(1920, 1080)
        (854, 480)
        """
        box_width, box_height = _even(self.target_width), _even(self.target_height)
        if box_width and box_height and not self.maintain_aspect_ratio:
            return box_width, box_height
        # By cross-multiplication, so that an exact aspect gives an exact size.
        is_by_width = not box_height or (box_width and box_width * height <= box_height * width)
        if is_by_width:
            return box_width, _even(_rounded(height * box_width, width))
        return _even(_rounded(width * box_height, height)), box_height


class VideoScaler(Actor[VideoScalerParams]):
    """Scale video frames, with libswscale.

    In: raw video frames in RGB24, RGBA32, GRAY8, YUV420P, I420 or NV12; another format is an error.
    Out: the frame in its new size, in the same format; everything else of it stays. A frame that
    has the size already passes unchanged, the same buffer.

    The size: with both targets and maintain_aspect_ratio, the largest one of the frame's own aspect
    that fits into target_width x target_height, without bars, also where that makes it larger. With
    maintain_aspect_ratio false, exactly the target. Where one target is 0, it follows from the
    other and the frame's aspect. Odd sizes are rounded up to even ones: a frame of 4:2:0 video
    whose size is odd has blocks that are cut in half, and most encoders refuse it.

    Shrinking averages over all pixels, so that nothing flickers. Images of less than four pixels
    across are repeated rather than interpolated.
    """

    accepts = frozenset({Kind.VIDEO})
    produces = frozenset({Kind.VIDEO})
    stateless = True
    runs_in_thread = True

    def initialize(self) -> None:
        """Load PyAV.

        Raises:
            ImportError: it is not installed.
        """
        self.context.progress(0.1, "loading PyAV")
        self._av = import_library("av", extra="media", node_type="VideoScaler")
        kinds = import_library("av.video.reformatter", extra="media", node_type="VideoScaler")
        names = (self.params.algorithm.upper(), *_FLAGS)
        self._interpolation = sum(int(kinds.Interpolation[name]) for name in names)
        self._reformatter: VideoReformatter = kinds.VideoReformatter()

    def process(self, item: Video) -> Video:
        """Return the frame in its new size.

        Raises:
            DataError: another format, no pixels, or a size that libswscale cannot make of it.
        """
        check_format(item, tuple(_AV_FORMATS), "VideoScaler")
        if not item.width or not item.height:
            raise DataError(f"a {item.width} x {item.height} frame has no pixels to scale")
        width, height = self.params.size_for(item.width, item.height)
        if max(width, height) > _LARGEST:
            raise DataError(
                f"a {item.width} x {item.height} frame would become {width} x {height}, and "
                f"{_LARGEST} is the most; give target_width and target_height, or smaller ones"
            )
        if (width, height) == (item.width, item.height):
            return item
        frame = self._scaled(self._as_frame(item), width, height)
        return replace(item, pixels=self._pixels(frame, item), width=width, height=height)

    def _scaled(self, frame: "VideoFrame", width: int, height: int) -> "VideoFrame":
        while (frame.width, frame.height) != (width, height):
            step = (
                max(width, -(-frame.width // _MOST_SHRINKING)),
                max(height, -(-frame.height // _MOST_SHRINKING)),
            )
            what = (
                f"a frame of {frame.width} x {frame.height} cannot be scaled to {width} x {height}"
            )
            with library_errors("libswscale", what, of_item=True):
                # One thread: two took twice as long for a frame of 1080 lines.
                frame = self._reformatter.reformat(
                    frame, *step, interpolation=self._interpolation, threads=1
                )
        return frame

    def _as_frame(self, item: Video) -> "VideoFrame":
        frame: VideoFrame = self._av.VideoFrame(item.width, item.height, _AV_FORMATS[item.format])
        planes = split_planes(item.pixels, item.format, item.width, item.height)
        for lines, plane in zip(_lines(frame, item.format), planes, strict=True):
            lines[...] = plane.reshape(lines.shape)
        return frame

    def _pixels(self, frame: "VideoFrame", item: Video) -> Array:
        count = frame_bytes(item.format, frame.width, frame.height)
        assert count is not None
        pixels = self.context.loan(count, np.uint8)
        planes = split_planes(pixels, item.format, frame.width, frame.height)
        for lines, plane in zip(_lines(frame, item.format), planes, strict=True):
            plane[...] = lines.reshape(plane.shape)
        return pixels


def _lines(frame: Any, pixel_format: PixelFormat) -> list[Array]:
    """Return views of a frame's planes, of shape (rows, bytes), without what pads the lines."""
    views = []
    for shape, plane in zip(PLANES[pixel_format], frame.planes, strict=True):
        rows, columns, channels = shape.shape(frame.width, frame.height)
        memory = np.frombuffer(plane, np.uint8)[: rows * plane.line_size]
        views.append(memory.reshape(rows, plane.line_size)[:, : columns * channels])
    return views


def _rounded(numerator: int, denominator: int) -> int:
    """Return the nearest integer to a fraction, halves up, at least 1."""
    return max((2 * numerator + denominator) // (2 * denominator), 1)


def _even(number: int) -> int:
    return number + number % 2
