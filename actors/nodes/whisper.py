"""WhisperNode."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Json, Text
from ..kinds import Kind
from ..offline import stay_offline
from ..params import Field, Params
from ._extras import find_package, import_library
from ._held_frames import HeldFrames
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._model_folder import ModelName, check_files, find_model_folder
from ._progress_bars import keep_progress_bars_from_threads
from ._sample_rate import check_sample_rate
from ._transcript import Segment, Transcript

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SAMPLE_RATE_HZ: Final = 16000
_MOST_DIGITS: Final = 15
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
    """The model of WhisperNode, and how it is used."""

    model: ModelName = Field(
        "base",
        description="a Whisper model converted for CTranslate2: the name of its folder in the "
        'operator\'s MILLRACE_MODELS ("tiny" is tiny or faster-whisper-tiny there), or its path',
    )
    language: str | None = Field(
        None,
        pattern="^[a-z]{2,3}$",
        max_length=3,
        description='such as "en"; absent: detected for each utterance',
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

    In: audio at 16 kHz (several channels are mixed). Each chunk is one utterance: put a
    SileroVADNode and an AudioBufferAccumulatorNode before this node, or set buffer_ms to collect
    audio of a fixed duration. Out: one item for each utterance in which words were recognized. As
    text, with metadata

        start_ms, end_ms   where it starts and ends in the stream
        confidence         exp of its mean log probability, 0 to 1; 0 if the model gives none
        segments           JSON: [{"start", "end", "text", "confidence"}, ...], in seconds

    or as JSON {"text", "language", "language_probability", "segments"}, which SrtOutput takes.
    Times count from the start of the stream; the metadata start_ms of the audio, which
    AudioBufferAccumulatorNode sets, overrides that. Samples that are NaN or infinite are silence.

    The weights come from a local folder; nothing is downloaded. A client names a folder in the
    operator's MILLRACE_MODELS; other manifests may give a path that begins with / or ./.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.TEXT, Kind.JSON})
    runs_in_thread = True

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: faster-whisper is not installed.
            FileNotFoundError: there is no such model, or a file of it is missing.
            ModelError: the model cannot be loaded.
            ValueError: the model does not know the language.
        """
        stay_offline()
        find_package("faster_whisper", extra="whisper", node_type="WhisperNode")
        folder = find_model_folder(
            self.params.model, node_type="WhisperNode", holds=_HOLDS, prefix="faster-whisper-"
        )
        check_files(folder, _FILES, node_type="WhisperNode", holds=_HOLDS)
        self.context.progress(0.1, "loading faster-whisper")
        library = import_library("faster_whisper", extra="whisper", node_type="WhisperNode")
        keep_progress_bars_from_threads(extra="whisper", node_type="WhisperNode")
        self.context.progress(0.4, f"loading the model {folder.name}")
        what = f"the model {folder.name} cannot be loaded as {self.params.compute_type}"
        with library_errors("faster-whisper", f"{what} on device {self.params.device}"):
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
        """Yield the words of an utterance, once it is complete.

        Raises:
            DataError: audio at another sample rate.
        """
        check_sample_rate(item, _SAMPLE_RATE_HZ)
        self._last = item
        if not len(self._held):
            self._held_from = _start_of(item, self._position)
        self._held.add(finite_or_silent(item.as_mono()))
        self._position = _start_of(item, self._position) + item.duration_seconds
        if len(self._held) * 1000 >= self.params.buffer_ms * _SAMPLE_RATE_HZ:
            yield from self.flush()

    def flush(self) -> Iterator[Text | Json]:
        """Yield the words of the audio that is held."""
        if self._last is None or not len(self._held):
            return
        transcript = self._transcribe(self._held.take_joined(len(self._held)))
        if transcript.text:
            is_text = self.params.output == "text"
            result = transcript.as_text() if is_text else transcript.as_json()
            yield result.with_metadata(**{**self._last.metadata, **result.metadata})

    def cleanup(self) -> None:
        """Release the model."""
        self._model = None
        self._last = None

    def _transcribe(self, samples: Array) -> Transcript:
        assert self._model is not None
        start = self._held_from
        with library_errors("faster-whisper", "the model cannot process this audio", of_item=True):
            found, info = self._model.transcribe(
                np.ascontiguousarray(samples),
                language=self.params.language,
                task=self.params.task,
                beam_size=self.params.beam_size,
            )
            # A generator: the model works while it is read.
            segments = [
                Segment(start + each.start, start + each.end, each.text, each.avg_logprob)
                for each in found
            ]
        return Transcript(
            segments,
            # A translation is English, whatever the language of the speech.
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
    """Return where a chunk starts in the stream, in seconds: by its metadata, or by position."""
    start_ms = item.metadata.get("start_ms", "")
    is_number = start_ms.isascii() and start_ms.isdecimal() and len(start_ms) <= _MOST_DIGITS
    return int(start_ms) / 1000 if is_number else position
