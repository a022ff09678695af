"""AudioLevelNode."""

from collections.abc import Awaitable
from typing import Self

from pydantic import model_validator

from ..actor import Actor
from ..data import Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._levels import SILENCE_DB, decibels, levels_of
from ._slices import Steps, result_of

_SCHEMA = "audio_level_event"


class AudioLevelParams(Params):
    """Thresholds of AudioLevelNode."""

    low_volume_threshold_db: float = Field(
        -20.0,
        ge=SILENCE_DB,
        le=0,
        description="RMS level in dB of full scale up to which sound counts as low in volume",
    )
    silence_threshold_db: float = Field(
        -60.0,
        ge=SILENCE_DB,
        le=0,
        description="RMS level in dB of full scale up to which a chunk counts as silent",
    )

    @model_validator(mode="after")
    def _silence_below_low_volume(self) -> Self:
        if self.silence_threshold_db >= self.low_volume_threshold_db:
            raise ValueError(
                "silence_threshold_db must be less than low_volume_threshold_db, got "
                f"{self.silence_threshold_db:g} and {self.low_volume_threshold_db:g}"
            )
        return self


class AudioLevelNode(Actor[AudioLevelParams]):
    """Measure how loud each chunk of audio is.

    In: audio. Out: one JSON event a chunk, with

        rms_db, peak_db   over all samples, channels together; dB(x) = 20 log10(x) of full scale,
                          -120 for silence
        is_silence        rms_db <= silence_threshold_db
        is_low_volume     not silent, and rms_db <= low_volume_threshold_db
        health            0 at silence_threshold_db, 1 at low_volume_threshold_db, linear between
        non_finite_samples  how many samples are NaN or infinite, if any; they are left out
        _schema           "audio_level_event"
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Audio) -> Json | Awaitable[Json]:
        """Return the event of one chunk; an empty chunk is silent."""
        return result_of(self._measure(item))

    def _measure(self, item: Audio) -> Steps[Json]:
        levels = yield from levels_of(item)
        rms_db = levels.rms_db
        silence, low = self.params.silence_threshold_db, self.params.low_volume_threshold_db
        event = {
            "rms_db": rms_db,
            "peak_db": decibels(levels.peak),
            "is_silence": rms_db <= silence,
            "is_low_volume": silence < rms_db <= low,
            "health": min(max((rms_db - silence) / (low - silence), 0.0), 1.0),
            **levels.event_fields(),
            "_schema": _SCHEMA,
        }
        return Json(event, _SCHEMA, metadata=item.metadata)
