"""ChannelBalanceNode."""

from collections.abc import Awaitable
from typing import Final

from ..actor import Actor
from ..data import Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._levels import SILENCE_DB, Levels, float_blocks
from ._slices import PAUSE, Steps, result_of

_SCHEMA: Final = "channel_balance_event"

_NEUTRAL: Final = {
    "left_rms_db": 0.0,
    "right_rms_db": 0.0,
    "balance_ratio": 1.0,
    "imbalance_db": 0.0,
    "has_dead_channel": False,
    "dead_channel": "none",
    "is_imbalanced": False,
    "health": 1.0,
    "_schema": _SCHEMA,
}


class ChannelBalanceParams(Params):
    """Thresholds of ChannelBalanceNode."""

    imbalance_threshold_db: float = Field(
        10.0,
        gt=0,
        le=120,
        description="difference of the channels' levels in dB from which they are imbalanced",
    )
    dead_channel_threshold_db: float = Field(
        -60.0,
        ge=SILENCE_DB,
        le=0,
        description="RMS level in dB of full scale up to which a channel is dead, if the other is "
        "above it",
    )


class ChannelBalanceNode(Actor[ChannelBalanceParams]):
    """Compare the two channels of each chunk of stereo audio.

    In: audio. Out: one JSON event a chunk, with

        left_rms_db, right_rms_db   dB(x) = 20 log10(x) of full scale, -120 for silence
        balance_ratio               left RMS / right RMS; 1 if both are silent, null if only the
                                    right one is, which makes it infinite
        imbalance_db                left_rms_db - right_rms_db: above 0 the left one is louder
        has_dead_channel            one is at or below dead_channel_threshold_db, the other above it
        dead_channel                "left", "right" or "none"; two silent channels are silence
        is_imbalanced               a dead channel, or abs(imbalance_db) >= imbalance_threshold_db
        health                      0 with a dead channel; else 1 at equal levels, 0 at
                                    imbalance_threshold_db and above, linear between
        non_finite_samples          how many samples are NaN or infinite, if any; they are left out
        _schema                     "channel_balance_event"

    Audio that is not stereo gets a neutral event: levels and imbalance 0, ratio and health 1.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Audio) -> Json | Awaitable[Json]:
        """Return the event of one chunk; the channels of an empty chunk are silent."""
        if item.channels != 2:
            return Json(_NEUTRAL, _SCHEMA, metadata=item.metadata)
        return result_of(self._measure(item))

    def _measure(self, item: Audio) -> Steps[Json]:
        left, right = Levels(), Levels()
        for block in float_blocks(item):
            if block is PAUSE:
                yield PAUSE
            else:
                left.add(block[:, 0])
                right.add(block[:, 1])
        return Json(self._event(left, right), _SCHEMA, metadata=item.metadata)

    def _event(self, left: Levels, right: Levels) -> dict[str, object]:
        left_db, right_db = left.rms_db, right.rms_db
        imbalance_db = left_db - right_db
        dead = self._dead_channel(left_db, right_db)
        share = min(abs(imbalance_db) / self.params.imbalance_threshold_db, 1.0)
        return {
            "left_rms_db": left_db,
            "right_rms_db": right_db,
            "balance_ratio": _ratio(left.rms, right.rms),
            "imbalance_db": imbalance_db,
            "has_dead_channel": dead != "none",
            "dead_channel": dead,
            "is_imbalanced": dead != "none" or share >= 1.0,
            "health": 0.0 if dead != "none" else 1.0 - share,
            **Levels(non_finite=left.non_finite + right.non_finite).event_fields(),
            "_schema": _SCHEMA,
        }

    def _dead_channel(self, left_db: float, right_db: float) -> str:
        threshold = self.params.dead_channel_threshold_db
        if (left_db <= threshold) == (right_db <= threshold):
            return "none"
        return "left" if left_db <= threshold else "right"


def _ratio(left: float, right: float) -> float | None:
    if right > 0:
        return left / right
    return None if left > 0 else 1.0
