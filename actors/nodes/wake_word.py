"""WakeWordNode."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Json
from ..kinds import Kind
from ..params import Field, Params
from ._extras import import_library
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._sample_rate import check_sample_rate

if TYPE_CHECKING:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

_SAMPLE_RATE_HZ: Final = 16_000
# The library has one set of features every 10 ms.
_FEATURES_MS: Final = 10


class WakeWordParams(Params):
    """The word of WakeWordNode, and what it lets through."""

    wake_word: Literal["okay_nabu", "hey_jarvis", "hey_mycroft", "alexa"] = Field(
        "okay_nabu", description="the word that wakes"
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="probability that counts as the word; absent: the model's own"
    )
    output: Literal["event", "audio", "both"] = Field(
        "event",
        description='"event": JSON for each wake word; "audio": the audio after it, for awake_ms; '
        '"both"',
    )
    awake_ms: int = Field(
        10_000, ge=0, le=3_600_000, description="ms of audio that pass after a wake word"
    )
    pause_ms: int = Field(
        1000, ge=0, le=60_000, description="ms after a wake word in which there is no other one"
    )


class WakeWordNode(Actor[WakeWordParams]):
    """Wait for a wake word, with microWakeWord (pymicro-wakeword).

    In: audio at 16 kHz (several channels are mixed). Out, as `output` says: a JSON event when the
    word was spoken, with

        wake_word     as in the params
        probability   0 to 1
        timestamp_ms  where the word ended in the stream

    and the chunks of audio that come within awake_ms after it, unchanged, beginning with the chunk
    in which the word ended. Samples that are NaN or infinite are silence.

    The models come with the package; nothing is downloaded.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON, Kind.AUDIO})
    runs_in_thread = True

    _model: "MicroWakeWord | None" = None

    @classmethod
    def preload(cls, params: WakeWordParams) -> None:
        """Import the library, whose models take few milliseconds to load."""
        import_library("pymicro_wakeword", extra="wakeword", node_type="WakeWordNode")

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: pymicro-wakeword is not installed.
            ModelError: the model cannot be loaded.
        """
        self.context.progress(0.1, "loading pymicro-wakeword")
        library = import_library("pymicro_wakeword", extra="wakeword", node_type="WakeWordNode")
        with library_errors("pymicro-wakeword", "the model cannot be loaded"):
            word = library.Model(self.params.wake_word)
            self._model = library.MicroWakeWord.from_builtin(word)
            self._features: MicroWakeWordFeatures = library.MicroWakeWordFeatures()
            cutoff: float = self._model.probability_cutoff
        self._threshold = cutoff if self.params.threshold is None else self.params.threshold
        self._position = 0
        self._features_ms = 0
        self._deaf_until_ms = 0
        self._awake_until_ms = -1.0

    def process(self, item: Audio) -> Iterator[Json | Audio]:
        """Yield the event of a wake word in a chunk, and the chunk if it may pass.

        Raises:
            DataError: audio at another sample rate.
        """
        check_sample_rate(item, _SAMPLE_RATE_HZ)
        start_ms = self._position * 1000 / _SAMPLE_RATE_HZ
        self._position += item.frames
        for place_ms, probability in self._heard(_pcm(item)):
            self._awake_until_ms = place_ms + self.params.awake_ms
            if self.params.output != "audio":
                yield Json(
                    {
                        "wake_word": self.params.wake_word,
                        "probability": round(probability, 3),
                        "timestamp_ms": place_ms,
                    },
                    metadata=item.metadata,
                )
        if self.params.output != "event" and start_ms < self._awake_until_ms:
            yield item

    def cleanup(self) -> None:
        """Release the model."""
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def _heard(self, pcm: bytes) -> Iterator[tuple[int, float]]:
        """Yield where in the stream each wake word ended, in ms, and its probability."""
        assert self._model is not None
        with library_errors("pymicro-wakeword", "this audio cannot be searched", of_item=True):
            for features in self._features.process_streaming(pcm):
                self._features_ms += _FEATURES_MS
                probability = self._model.process_streaming_prob(features) or 0.0
                if probability > self._threshold and self._features_ms >= self._deaf_until_ms:
                    self._deaf_until_ms = self._features_ms + self.params.pause_ms
                    yield self._features_ms, probability


def _pcm(item: Audio) -> bytes:
    mono: Array = finite_or_silent(item.as_mono())
    return np.clip(np.rint(mono * 32767.0), -32768, 32767).astype("<i2").tobytes()
