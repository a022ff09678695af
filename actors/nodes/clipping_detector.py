"""ClippingDetectorNode."""

from typing import Final

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._levels import decibels, peak, rms

_SCHEMA: Final = "clipping_event"

# What silence has, which has no crest: far from clipping.
_CREST_OF_SILENCE_DB: Final = 20.0


class ClippingDetectorParams(Params):
    """What ClippingDetectorNode takes for clipping."""

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
    """Tell whether each chunk of audio is clipped.

    In: audio. Out: one JSON event a chunk, over all its samples, channels together, with

        saturation_ratio   percentage of samples whose absolute value is at or above
                           saturation_threshold, 0 to 100
        crest_factor_db    dB(peak / rms), dB(x) = 20 log10(x): 0 for a square wave, 3 for a sine;
                           20 for silence
        is_clipping        saturation_ratio >= saturation_ratio_threshold, or
                           crest_factor_db <= crest_factor_threshold_db
        health             1 without saturated samples, 0 at saturation_ratio_threshold and above,
                           linear between
        _schema            "clipping_event"

    A pure sine has a crest factor of 3.01 dB, which is just above the default threshold: a loud
    test tone is no clipping.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON})

    def process(self, item: Audio) -> Json:
        """Return the event of one chunk; an empty chunk is silent."""
        samples, params = item.as_float(), self.params
        ratio = _saturation_percent(samples, params.saturation_threshold)
        crest_db = _crest_factor_db(samples)
        event = {
            "saturation_ratio": ratio,
            "crest_factor_db": crest_db,
            "is_clipping": ratio >= params.saturation_ratio_threshold
            or crest_db <= params.crest_factor_threshold_db,
            "health": 1.0 - min(ratio / params.saturation_ratio_threshold, 1.0),
            "_schema": _SCHEMA,
        }
        return Json(event, _SCHEMA, metadata=item.metadata)


def _saturation_percent(samples: Array, threshold: float) -> float:
    if samples.size == 0:
        return 0.0
    return 100.0 * int(np.count_nonzero(np.abs(samples) >= threshold)) / samples.size


def _crest_factor_db(samples: Array) -> float:
    level = rms(samples)
    return decibels(peak(samples) / level) if level > 0 else _CREST_OF_SILENCE_DB
