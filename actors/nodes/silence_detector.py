"""SilenceDetectorNode."""

from collections import deque
from collections.abc import Awaitable
from typing import Final

from ..actor import Actor, State
from ..data import Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._levels import SILENCE_DB, Levels, levels_of
from ._slices import Steps, result_of

_SCHEMA: Final = "silence_event"
_MOST_DROPOUTS: Final = 100_000


class SilenceDetectorParams(Params):
    """Thresholds of SilenceDetectorNode."""

    silence_threshold_db: float = Field(
        -50.0,
        ge=SILENCE_DB,
        le=0,
        description="RMS level in dB of full scale up to which a chunk counts as silent",
    )
    sustained_silence_ms: float = Field(
        500.0,
        gt=0,
        le=3_600_000,
        description="ms of silence from which it is sustained",
    )
    dropout_count_threshold: int = Field(
        3,
        ge=1,
        le=_MOST_DROPOUTS,
        description="dropouts within the window from which they count as intermittent",
    )
    dropout_window_ms: float = Field(
        5000.0, gt=0, le=3_600_000, description="ms in which dropouts are counted"
    )


class SilenceDetectorNode(Actor[SilenceDetectorParams]):
    """Detect sustained silence, and audio with repeated dropouts.

    In: audio. Out: one JSON event a chunk, with

        is_silent                  rms_db <= silence_threshold_db
        rms_db                     over all samples, channels together; dB(x) = 20 log10(x) of full
                                   scale, -120 for silence
        silence_duration_ms        duration of the silence up to this chunk's end; 0 in sound
        is_sustained_silence       silence_duration_ms >= sustained_silence_ms
        dropout_count              how often sound changed to silence in the last
                                   dropout_window_ms, up to this chunk's end
        has_intermittent_dropouts  dropout_count >= dropout_count_threshold
        health                     1 in sound; in silence it falls with its duration to 0 at
                                   sustained_silence_ms
        non_finite_samples         how many samples are NaN or infinite, if any; they are left out
        _schema                    "silence_event"

    Time is that of the audio, not of the clock. Silence at the start of the stream is no dropout:
    there was no sound before it. A chunk is silent or not as a whole, so chunks of 10 to 50 ms
    (AudioChunkerNode) find dropouts best. An empty chunk, which has no duration, changes nothing.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON})

    def initialize(self) -> None:
        """Start with a stream that has had no sound yet."""
        self._position_ms = 0.0
        self._is_silent = True
        self._silence_ms = 0.0
        # Bounded: a client may send a change with every sample, for an hour.
        self._dropouts: deque[float] = deque(maxlen=_MOST_DROPOUTS)

    def process(self, item: Audio) -> Json | Awaitable[Json]:
        """Return the event of one chunk."""
        return result_of(self._measure(item))

    def export_state(self) -> dict[str, State]:
        """Return the silence and the dropouts so far."""
        return {
            "position_ms": self._position_ms,
            "is_silent": self._is_silent,
            "silence_ms": self._silence_ms,
            "dropouts": list(self._dropouts),
        }

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with them."""
        self._position_ms, self._silence_ms = state["position_ms"], state["silence_ms"]
        self._is_silent = state["is_silent"]
        self._dropouts.extend(state["dropouts"])

    def _measure(self, item: Audio) -> Steps[Json]:
        levels = yield from levels_of(item)
        if item.frames:
            self._advance(item, is_silent=levels.rms_db <= self.params.silence_threshold_db)
        return Json(self._event(levels), _SCHEMA, metadata=item.metadata)

    def _advance(self, item: Audio, *, is_silent: bool) -> None:
        duration_ms = item.frames * 1000 / item.sample_rate
        if is_silent and not self._is_silent:
            self._dropouts.append(self._position_ms)
        self._is_silent = is_silent
        self._silence_ms = self._silence_ms + duration_ms if is_silent else 0.0
        self._position_ms += duration_ms
        while self._dropouts and self._dropouts[0] < self._window_start_ms:
            self._dropouts.popleft()

    @property
    def _window_start_ms(self) -> float:
        return self._position_ms - self.params.dropout_window_ms

    def _event(self, levels: Levels) -> dict[str, float | bool | str]:
        share = min(self._silence_ms / self.params.sustained_silence_ms, 1.0)
        return {
            "is_silent": self._is_silent,
            "rms_db": levels.rms_db,
            "silence_duration_ms": self._silence_ms,
            "is_sustained_silence": share >= 1.0,
            "dropout_count": len(self._dropouts),
            "has_intermittent_dropouts": len(self._dropouts) >= self.params.dropout_count_threshold,
            "health": 1.0 - share,
            **levels.event_fields(),
            "_schema": _SCHEMA,
        }
