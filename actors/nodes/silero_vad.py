"""SileroVADNode."""

from collections.abc import AsyncIterator, Awaitable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
from pydantic import model_validator

from ..actor import Actor
from ..data import Array, Audio, Data, Json
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._event_loop import has_event_loop
from ._levels import Levels, finite_or_silent
from ._silero_model import SileroModel, load_silero
from ._slices import PAUSE, Steps, audio_slices, outputs_of
from ._speech_gate import GateChange, SpeechGate

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# A window takes the model 0.1 ms. A chunk of more windows than this, half a second, is large.
_SMALL_CHUNK_WINDOWS: Final = 16
_LONGEST_MS: Final = 600_000


class SileroVADParams(Params):
    """Thresholds of SileroVADNode."""

    threshold: float = Field(
        0.5, gt=0, le=1, description="speech starts at this probability, 0 to 1"
    )
    neg_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="below this probability it is silent, 0 to 1; absent: threshold - 0.15",
    )
    sampling_rate: Literal[8000, 16000] = Field(
        16000, description="sample rate of the audio in Hz, 8000 or 16000"
    )
    min_speech_duration_ms: int = Field(
        250,
        ge=0,
        le=_LONGEST_MS,
        description="speech does not end before it has lasted this many ms",
    )
    min_silence_duration_ms: int = Field(
        100,
        ge=0,
        le=_LONGEST_MS,
        description="speech ends after this many ms of silence",
    )
    speech_pad_ms: int = Field(
        30,
        ge=0,
        le=_LONGEST_MS,
        description="reported starts and ends are this many ms earlier and later",
    )

    @model_validator(mode="after")
    def _silence_below_speech(self) -> Self:
        if self.neg_threshold is not None and self.neg_threshold > self.threshold:
            raise ValueError(
                "neg_threshold must not be greater than threshold, got "
                f"{self.neg_threshold:g} and {self.threshold:g}"
            )
        return self

    @property
    def silence_threshold(self) -> float:
        """neg_threshold, or its default."""
        if self.neg_threshold is not None:
            return self.neg_threshold
        return max(self.threshold - 0.15, 0.0)


class SileroVADNode(Actor[SileroVADParams]):
    """Detect speech, with the Silero model.

    In: audio at sampling_rate, in chunks of any length; several channels are mixed for the
    analysis. Out: for every chunk one JSON event, then the chunk itself, unchanged. The event has

        has_speech          speech goes on at the chunk's end, or occurs within the chunk
        speech_probability  0 to 1, the highest of the 32 ms windows that ended in this chunk; the
                            last one before if none did
        is_speech_start     speech started in this chunk
        is_speech_end       speech ended in this chunk
        timestamp_ms        position in the stream: of the start or else the end of speech, moved
                            by speech_pad_ms, if this chunk has one; otherwise of the chunk
        rms, peak           level of the chunk, 0 to 1, channels together
        non_finite_samples  how many samples are NaN or infinite, if any; they are left out of the
                            levels, and are silence for the model
        samples             in the chunk, counted over all channels
        sample_rate         in Hz

    Speech starts with the first window at or above threshold, without delay. It ends when windows
    have been below neg_threshold for min_silence_duration_ms, not broken by one at or above
    threshold, and min_speech_duration_ms have passed since its start. One event has room for one
    start and one end: chunks of 100 ms or less (AudioChunkerNode) keep them apart. Speech that is
    under way at the end of the stream gets no end event.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.JSON, Kind.AUDIO})

    @classmethod
    def preload(cls, params: SileroVADParams) -> dict[Hashable, object]:
        """Load the weights."""
        return {"silero": load_silero()}

    def initialize(self) -> Awaitable[None] | None:
        """Load the model, or share the one of another session in this process.

        Raises:
            ImportError: onnxruntime or the model's package is not installed.
            ModelError: the model cannot be loaded.
        """
        self._model: SileroModel | None = None
        self.context.progress(0.1, "loading the Silero model")
        if has_event_loop():
            return self._load()
        self._begin(load_silero())
        return None

    def process(self, item: Audio) -> Iterable[Data] | AsyncIterator[Data]:
        """Yield the event of a chunk, then the chunk.

        Raises:
            DataError: the audio has another sample rate than the params.
        """
        if item.sample_rate != self.params.sampling_rate:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but sampling_rate is "
                f"{self.params.sampling_rate} Hz; put a FastResampleNode with target_rate "
                f"{self.params.sampling_rate} before this node"
            )
        assert self._model is not None
        if item.frames > _SMALL_CHUNK_WINDOWS * self._model.window:
            return outputs_of(self._outputs(item), is_large=True)
        # Chunks of speech are small, and many: without a generator for the outputs.
        detection = _Detection()
        for _ in self._analyse(item, detection):
            pass
        return Json(self._event(item, detection), metadata=item.metadata), item

    def cleanup(self) -> None:
        """Release the model."""
        self._model = None

    async def _load(self) -> None:
        self._begin(await self.context.shared("silero", load_silero))

    def _begin(self, session: "InferenceSession") -> None:
        self.context.progress(0.9, "the Silero model is loaded")
        model = self._model = SileroModel(session, self.params.sampling_rate)
        # What the next windows are cut from, the context of the first of them in front.
        self._pending: Array = np.zeros(model.context_length, np.float32)
        self._position = 0
        self._probability = 0.0
        self._gate = SpeechGate(
            threshold=self.params.threshold,
            silence_threshold=self.params.silence_threshold,
            min_speech=self._samples(self.params.min_speech_duration_ms),
            min_silence=self._samples(self.params.min_silence_duration_ms),
        )

    def _outputs(self, item: Audio) -> Iterator[Data | None]:
        detection = _Detection()
        yield from self._analyse(item, detection)
        yield Json(self._event(item, detection), metadata=item.metadata)
        yield item

    def _analyse(self, item: Audio, detection: "_Detection") -> Steps[None]:
        for part in audio_slices(item):
            detection.levels.add(part.as_float())
            yield PAUSE
            yield from self._detect(part, detection)

    def _event(self, item: Audio, detection: "_Detection") -> dict[str, float | bool]:
        changes, levels = detection.changes, detection.levels
        if detection.probability is not None:
            self._probability = detection.probability
        position = self._position
        if changes:
            first = next((change for change in changes if change.is_start), changes[0])
            pad = self._samples(self.params.speech_pad_ms)
            position = max(first.position + (-pad if first.is_start else pad), 0)
        self._position += item.frames
        return {
            "has_speech": self._gate.is_open or detection.has_speech,
            "speech_probability": self._probability,
            "is_speech_start": any(change.is_start for change in changes),
            "is_speech_end": any(not change.is_start for change in changes),
            "timestamp_ms": round(position * 1000 / self.params.sampling_rate),
            "rms": levels.rms,
            "peak": levels.peak,
            **levels.event_fields(),
            "samples": item.samples.size,
            "sample_rate": item.sample_rate,
        }

    def _detect(self, part: Audio, detection: "_Detection") -> Steps[None]:
        """Run the model over the windows that a part of a chunk completes."""
        model = self._model
        assert model is not None
        context, window = model.context_length, model.window
        held = np.concatenate((self._pending, finite_or_silent(part.as_mono())))
        # The stream position of the sample after the context, where the next window begins.
        window_start = self._position + detection.frames - (len(self._pending) - context)
        detection.frames += part.frames
        begin = 0
        while len(held) - begin >= context + window:
            probability = model.probability(held[begin : begin + context + window])
            detection.add(probability, probability >= self.params.threshold)
            if change := self._gate.step(probability, window_start, window):
                detection.changes.append(change)
            begin += window
            window_start += window
            yield PAUSE
        self._pending = held[begin:].copy()

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * self.params.sampling_rate // 1000


@dataclass(slots=True)
class _Detection:
    """What the windows of one chunk gave.

    Attributes:
        frames: of the chunk that were looked at so far.
        probability: the highest of the windows; None if no window ended in the chunk.
    """

    levels: Levels = field(default_factory=Levels)
    frames: int = 0
    probability: float | None = None
    has_speech: bool = False
    changes: list[GateChange] = field(default_factory=list)

    def add(self, probability: float, is_speech: bool) -> None:
        """Take the probability of the next window."""
        self.probability = max(probability, self.probability or 0.0)
        self.has_speech = self.has_speech or is_speech
