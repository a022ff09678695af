"""A tracker of one coloured object: real work on video frames, with numpy alone."""

import json
from dataclasses import replace

import numpy as np

from actors import Actor, Array, DataError, Field, Kind, Params, PixelFormat, Video


class BlobTrackerParams(Params):
    """The object that is tracked."""

    red: int = Field(255, ge=0, le=255, description="of the object's colour")
    green: int = Field(0, ge=0, le=255, description="of the object's colour")
    blue: int = Field(0, ge=0, le=255, description="of the object's colour")
    tolerance: int = Field(90, ge=0, le=255, description="largest difference in each channel")
    smoothing: float = Field(
        0.3, ge=0, lt=1, description="weight of the positions before, 0 to less than 1"
    )


class BlobTrackerNode(Actor[BlobTrackerParams]):
    """Track an object by its colour, and draw a box around it.

    In and out: RGB24 video frames; each keeps its time. The metadata `blob` of a frame has the
    centre of the object, smoothed over the frames, and its box: {"x", "y", "box": [left, top,
    right, bottom]} in pixels. It is absent where the object is not visible.
    """

    accepts = frozenset({Kind.VIDEO})
    produces = frozenset({Kind.VIDEO})

    def initialize(self) -> None:
        """Forget the positions before."""
        self._centre: Array | None = None

    def process(self, item: Video) -> Video:
        """Return the frame with a box around the object."""
        if item.format is not PixelFormat.RGB24:
            raise DataError(f"the tracker takes RGB24 frames, got {item.format.name}")
        params = self.params
        colour = np.array([params.red, params.green, params.blue], np.int16)
        fits = (np.abs(item.image.astype(np.int16) - colour) <= params.tolerance).all(axis=2)
        rows, columns = np.flatnonzero(fits.any(axis=1)), np.flatnonzero(fits.any(axis=0))
        if not rows.size:
            self._centre = None
            return item
        weights_y, weights_x = fits.sum(axis=1), fits.sum(axis=0)
        found = np.array(
            [np.average(np.arange(line.size), weights=line) for line in (weights_x, weights_y)]
        )
        if self._centre is None:
            self._centre = found
        self._centre = params.smoothing * self._centre + (1 - params.smoothing) * found
        left, right, top, bottom = columns[0], columns[-1], rows[0], rows[-1]
        image = item.image.copy()
        image[[top, bottom], left : right + 1] = 255
        image[top : bottom + 1, [left, right]] = 255
        blob = {
            "x": round(float(self._centre[0]), 1),
            "y": round(float(self._centre[1]), 1),
            "box": [int(left), int(top), int(right), int(bottom)],
        }
        return replace(item, pixels=image).with_metadata(blob=json.dumps(blob))
