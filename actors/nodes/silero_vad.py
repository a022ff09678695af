"""SileroVADNode."""

from collections.abc import AsyncIterator, Awaitable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import model_validator

from ..actor import Actor, State
from ..context import Context
from ..data import Audio, Data, Json
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._event_loop import has_event_loop
from ._silero_model import SileroModel, load_silero
from ._silero_stream import Detection, SileroStream, WindowCut, run_batch
from ._slices import PAUSE, SLICE_SAMPLES, audio_slices, outputs_of
from ._speech_gate import SpeechGate

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
        self._stream: SileroStream | None = None
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
        self._check_rate(item)
        assert self._stream is not None
        return outputs_of(self._outputs(item, self._stream), is_large=self._is_large(item))

    def open_state(self, context: Context) -> SileroStream:
        """Begin a stream."""
        return self._new_stream()

    def process_batch(
        self, work: Sequence[tuple[SileroStream, Audio]]
    ) -> list[Iterable[Data] | AsyncIterator[Data] | DataError]:
        """Run the model over the windows of all streams together; large chunks get turns after it.

        Raises:
            ModelError: onnxruntime reports an error.
        """
        outputs: list[Any] = [None] * len(work)
        small: list[tuple[int, WindowCut, Detection]] = []
        assert self._model is not None
        for number, (stream, item) in enumerate(work):
            try:
                self._check_rate(item)
            except DataError as error:
                outputs[number] = error
                continue
            if self._is_large(item):
                outputs[number] = outputs_of(self._outputs(item, stream), is_large=True)
                continue
            detection = Detection()
            detection.levels.add(item.as_float())
            small.append((number, WindowCut(stream, self._model, item, detection), detection))
        run_batch(self._model, [cut for _, cut, _ in small])
        for number, cut, detection in small:
            stream, item = work[number]
            cut.commit(self.params.threshold)
            event = Json(self._event(item, detection, stream), metadata=item.metadata)
            outputs[number] = (event, item)
        return outputs

    def export_state(self) -> dict[str, State]:
        """Return the state of the model and of the gate, and the samples of the next window."""
        stream = self._stream
        assert stream is not None
        return {
            "model": stream.state,
            "pending": stream.pending,
            "position": stream.position,
            "probability": stream.probability,
            "gate": stream.gate.state(),
        }

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with them."""
        stream = self._stream
        assert stream is not None
        stream.state = state["model"]
        stream.pending, stream.position = state["pending"], state["position"]
        stream.probability = state["probability"]
        stream.gate.go_on(*state["gate"])

    def cleanup(self) -> None:
        """Release the model."""
        self._model = self._stream = None

    async def _load(self) -> None:
        self._begin(await self.context.shared("silero", load_silero))

    def _begin(self, session: "InferenceSession") -> None:
        self.context.progress(0.9, "the Silero model is loaded")
        self._model = SileroModel(session, self.params.sampling_rate)
        self._stream = self._new_stream()

    def _new_stream(self) -> SileroStream:
        assert self._model is not None
        params = self.params
        gate = SpeechGate(
            threshold=params.threshold,
            silence_threshold=params.silence_threshold,
            min_speech=self._samples(params.min_speech_duration_ms),
            min_silence=self._samples(params.min_silence_duration_ms),
        )
        return SileroStream(self._model, gate)

    def _check_rate(self, item: Audio) -> None:
        if item.sample_rate != self.params.sampling_rate:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but sampling_rate is "
                f"{self.params.sampling_rate} Hz; put a FastResampleNode with target_rate "
                f"{self.params.sampling_rate} before this node"
            )

    def _is_large(self, item: Audio) -> bool:
        assert self._model is not None
        most_frames = _SMALL_CHUNK_WINDOWS * self._model.window
        return item.frames > most_frames or item.samples.size > SLICE_SAMPLES

    def _outputs(self, item: Audio, stream: SileroStream) -> Iterator[Data | None]:
        assert self._model is not None
        detection = Detection()
        for part in audio_slices(item):
            detection.levels.add(part.as_float())
            yield PAUSE
            cut = WindowCut(stream, self._model, part, detection)
            for _ in cut.run(self._model):
                yield PAUSE
            cut.commit(self.params.threshold)
        yield Json(self._event(item, detection, stream), metadata=item.metadata)
        yield item

    def _event(
        self, item: Audio, detection: Detection, stream: SileroStream
    ) -> dict[str, float | bool]:
        changes, levels = detection.changes, detection.levels
        if detection.probability is not None:
            stream.probability = detection.probability
        position = stream.position
        if changes:
            first = next((change for change in changes if change.is_start), changes[0])
            pad = self._samples(self.params.speech_pad_ms)
            position = max(first.position + (-pad if first.is_start else pad), 0)
        stream.position += item.frames
        return {
            "has_speech": stream.gate.is_open or detection.has_speech,
            "speech_probability": stream.probability,
            "is_speech_start": any(change.is_start for change in changes),
            "is_speech_end": any(not change.is_start for change in changes),
            "timestamp_ms": round(position * 1000 / self.params.sampling_rate),
            "rms": levels.rms,
            "peak": levels.peak,
            **levels.event_fields(),
            "samples": item.samples.size,
            "sample_rate": item.sample_rate,
        }

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * self.params.sampling_rate // 1000
