"""WhisperNode."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package, import_library
from ._held_frames import HeldFrames
from ._model_folder import check_files, find_model_folder
from ._progress_bars import keep_progress_bars_from_threads
from ._transcript import Segment, Transcript

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SAMPLE_RATE_HZ: Final = 16000
_HOLDS: Final = (
    "a Whisper model converted for CTranslate2 (model.bin, config.json, tokenizer.json, a "
    "vocabulary, preprocessor_config.json)"
)
_FILES: Final = ("model.bin", "config.json", "tokenizer.json")

ComputeType = Literal[
    "default",
    "auto",
    "int8",
    "int8_float16",
    "int8_float32",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
]


class WhisperParams(Params):
    """What WhisperNode recognizes, and with which model."""

    model: str = Field(
        "base",
        min_length=1,
        description="folder of a Whisper model converted for CTranslate2, or its name in the "
        'operator\'s MILLRACE_MODELS: "tiny" is tiny or faster-whisper-tiny there',
    )
    language: str | None = Field(
        None, pattern="^[a-z]{2,3}$", description='such as "en"; absent: found out each time'
    )
    task: Literal["transcribe", "translate"] = Field(
        "transcribe", description='"transcribe", or "translate" into English'
    )
    beam_size: int = Field(5, ge=1, le=20, description="more is slower, and sometimes better")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to compute")
    compute_type: ComputeType = Field(
        "default", description='type of the weights in memory; "default": as they were saved'
    )
    buffer_ms: int = Field(
        0,
        ge=0,
        le=600_000,
        description="ms of audio to collect first; 0: every chunk is an utterance of its own",
    )
    output: Literal["text", "json"] = Field("text", description="the kind of the results")


class WhisperNode(Actor[WhisperParams]):
    """Recognize speech, with Whisper (faster-whisper).

    In: audio at 16 kHz (several channels are mixed). Each chunk is taken for an utterance: put a
    SileroVADNode and an AudioBufferAccumulatorNode before it, or set buffer_ms to have audio
    collected, whatever is said in it. Out: one item an utterance in which something was understood.
    As text, with metadata

        start_ms, end_ms   where it starts and ends in the stream
        confidence         exp of its mean log probability, 0 to 1
        segments           JSON: [{"start", "end", "text", "confidence"}, ...], in seconds

    or as JSON {"text", "language", "language_probability", "segments"}, which SrtOutput takes.
    Times count from the start of the stream; audio that says its own start in the metadata
    start_ms, as AudioBufferAccumulatorNode's does, is believed.

    The weights come from a local folder; nothing is downloaded.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.TEXT, Kind.JSON})
    runs_in_thread = True

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: faster-whisper is not installed.
            FileNotFoundError: there is no such model, or a file of it is missing.
            ValueError: the model does not know the language.
        """
        find_package("faster_whisper", extra="whisper", node_type="WhisperNode")
        folder = find_model_folder(
            self.params.model, node_type="WhisperNode", holds=_HOLDS, prefix="faster-whisper-"
        )
        check_files(folder, _FILES, node_type="WhisperNode", holds=_HOLDS)
        self.context.progress(0.1, "loading faster-whisper")
        library = import_library("faster_whisper", extra="whisper", node_type="WhisperNode")
        keep_progress_bars_from_threads(extra="whisper", node_type="WhisperNode")
        self.context.progress(0.4, f"loading the model {folder.name}")
        self._model: WhisperModel | None = library.WhisperModel(
            str(folder),
            device=self.params.device,
            compute_type=self.params.compute_type,
            local_files_only=True,
        )
        self._check_language(self._model.supported_languages)
        self._held = HeldFrames()
        self._held_from = 0.0
        self._position = 0.0
        self._last: Audio | None = None

    def process(self, item: Audio) -> Iterator[Text | Json]:
        """Yield what was said in an utterance, once it is whole.

        Raises:
            DataError: audio at another sample rate.
        """
        if item.sample_rate != _SAMPLE_RATE_HZ:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but this node needs {_SAMPLE_RATE_HZ} Hz; "
                f"put a FastResampleNode with target_rate {_SAMPLE_RATE_HZ} before it"
            )
        self._last = item
        if not len(self._held):
            self._held_from = _start_of(item, self._position)
        self._held.add(item.as_mono())
        self._position = _start_of(item, self._position) + item.duration_seconds
        if len(self._held) * 1000 >= self.params.buffer_ms * _SAMPLE_RATE_HZ:
            yield from self.flush()

    def flush(self) -> Iterator[Text | Json]:
        """Yield what was said in the audio that is held."""
        if self._last is None or not len(self._held):
            return
        transcript = self._transcribe(self._held.take_joined(len(self._held)))
        if transcript.text:
            is_text = self.params.output == "text"
            result = transcript.as_text() if is_text else transcript.as_json()
            yield result.with_metadata(**{**self._last.metadata, **result.metadata})

    def cleanup(self) -> None:
        """Let go of the model."""
        self._model = None
        self._last = None

    def _transcribe(self, samples: Array) -> Transcript:
        assert self._model is not None
        segments, info = self._model.transcribe(
            np.ascontiguousarray(samples),
            language=self.params.language,
            task=self.params.task,
            beam_size=self.params.beam_size,
        )
        start = self._held_from
        return Transcript(
            [Segment(start + s.start, start + s.end, s.text, s.avg_logprob) for s in segments],
            # A translation is English, whatever was heard.
            "en" if self.params.task == "translate" else info.language,
            info.language_probability,
        )

    def _check_language(self, known: list[str]) -> None:
        language = self.params.language
        if language is not None and language not in known:
            raise ValueError(
                f"the model {self.params.model!r} does not know the language {language!r}; "
                f"it knows {', '.join(sorted(known))}"
            )


def _start_of(item: Audio, position: float) -> float:
    """Return where a chunk starts in the stream, in seconds: as it says, or where we are."""
    start_ms = item.metadata.get("start_ms", "")
    return int(start_ms) / 1000 if start_ms.isdecimal() else position
