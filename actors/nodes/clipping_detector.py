"""ClippingDetectorNode."""

from collections.abc import Awaitable
from typing import Final

import numpy as np

from ..actor import Actor
from ..data import Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._levels import Levels, decibels, float_blocks
from ._slices import PAUSE, Steps, result_of

_SCHEMA: Final = "clipping_event"

# Silence has no crest; this is far from clipping.
_CREST_OF_SILENCE_DB: Final = 20.0


class ClippingDetectorParams(Params):
    """Thresholds of ClippingDetectorNode."""

    saturation_threshold: float = Field(
        0.99,
        gt=0,
        le=1,
        description="absolute value, 0 to 1 of full scale, from which a sample is saturated",
    )
    saturation_ratio_threshold: float = Field(
        1.0,
        gt=0,
        le=100,
        description="percentage of saturated samples from which a chunk counts as clipped",
    )
    crest_factor_threshold_db: float = Field(
        3.0,
        ge=0,
        le=120,
        description="crest factor in dB up to which a chunk counts as clipped",
    )


class ClippingDetectorNode(Actor[ClippingDetectorParams]):
    """Detect chunks of audio that are clipped.

    In: audio. Out: one JSON event a chunk, over all its samples, channels together, with

        saturation_ratio   percentage of samples whose absolute value is at or above
                           saturation_threshold, 0 to 100
        crest_factor_db    dB(peak / rms), dB(x) = 20 log10(x): 0 for a square wave, 3 for a sine;
                           20 for silence
        is_clipping        saturation_ratio >= saturation_ratio_threshold, or
                           crest_factor_db <= crest_factor_threshold_db
        health             1 without saturated samples, 0 at saturation_ratio_threshold and above,
                           linear between
        non_finite_samples  how many samples are NaN or infinite, if any; they are left out
        _schema            "clipping_event"

    A pure sine has a crest factor of 3.01 dB, which is just above the default threshold: a loud
    test tone is no clipping.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Audio) -> Json | Awaitable[Json]:
        """Return the event of one chunk; an empty chunk is silent."""
        return result_of(self._measure(item))

    def _measure(self, item: Audio) -> Steps[Json]:
        params, levels, saturated = self.params, Levels(), 0
        for block in float_blocks(item):
            if block is PAUSE:
                yield PAUSE
            else:
                finite = levels.add(block)
                saturated += int(np.count_nonzero(np.abs(finite) >= params.saturation_threshold))
        ratio = 100.0 * saturated / levels.count if levels.count else 0.0
        level = levels.rms
        crest_db = decibels(levels.peak / level) if level > 0 else _CREST_OF_SILENCE_DB
        event = {
            "saturation_ratio": ratio,
            "crest_factor_db": crest_db,
            "is_clipping": ratio >= params.saturation_ratio_threshold
            or crest_db <= params.crest_factor_threshold_db,
            "health": 1.0 - min(ratio / params.saturation_ratio_threshold, 1.0),
            **levels.event_fields(),
            "_schema": _SCHEMA,
        }
        return Json(event, _SCHEMA, metadata=item.metadata)
