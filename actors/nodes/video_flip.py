"""VideoFlip."""

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from ..actor import Actor
from ..data import PixelFormat, Video
from ..kinds import Kind
from ..params import Field, Params
from ._planes import check_format, split_planes

_FORMATS: Final = (PixelFormat.RGB24, PixelFormat.YUV420P, PixelFormat.I420)

_FLIPS: Final = {
    "vertical": (slice(None, None, -1), slice(None)),
    "horizontal": (slice(None), slice(None, None, -1)),
    "both": (slice(None, None, -1), slice(None, None, -1)),
}


class VideoFlipParams(Params):
    """The direction of VideoFlip."""

    direction: Literal["vertical", "horizontal", "both"] = Field(
        "vertical",
        description='"vertical" (upside down), "horizontal" (left to right) or "both"',
    )


class VideoFlip(Actor[VideoFlipParams]):
    """Flip video frames.

    In: raw video frames in RGB24, YUV420P or I420; another format is an error. Out: the same frame,
    flipped; everything else of it stays. Each plane of a YUV frame is flipped alone, so flipping
    twice restores the frame, also where its width or height is odd.
    """

    accepts = frozenset({Kind.VIDEO})
    produces = frozenset({Kind.VIDEO})
    stateless = True
    runs_in_thread = True

    def process(self, item: Video) -> Video:
        """Return the flipped frame.

        Raises:
            DataError: the format is another one.
        """
        check_format(item, _FORMATS, "VideoFlip")
        flip = _FLIPS[self.params.direction]
        pixels = self.context.loan(item.pixels.size, np.uint8)
        size = item.format, item.width, item.height
        pairs = zip(split_planes(item.pixels, *size), split_planes(pixels, *size), strict=True)
        for plane, flipped in pairs:
            flipped[...] = plane[flip]
        return replace(item, pixels=pixels)
