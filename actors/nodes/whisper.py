"""WhisperNode."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Control, Json, Text
from ..kinds import Kind
from ..offline import stay_offline
from ..params import Field
from ._extras import find_package, import_library
from ._held_frames import HeldFrames
from ._levels import Levels, finite_or_silent
from ._library_errors import library_errors
from ._model_folder import ModelName, check_files, find_model_folder
from ._partial_results import CancelledSpan, PartialParams, log_no_text
from ._progress_bars import keep_progress_bars_from_threads
from ._sample_rate import check_sample_rate
from ._transcript import Segment, Transcript

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SAMPLE_RATE_HZ: Final = 16000
_MOST_DIGITS: Final = 15
# Audio below this is silence, in which nobody misses a text.
_QUIET_DB: Final = -50.0
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


class WhisperParams(PartialParams):
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
    With partial, the words so far come too, with partial "true" in the metadata or true in the
    JSON: after each segment of an utterance, and with buffer_ms also while it is collected, each
    partial_ms. A barge-in whose span has all the audio that is held discards it.

    Times count from the start of the stream; the metadata start_ms of the audio, which
    AudioBufferAccumulatorNode sets, overrides that. Samples that are NaN or infinite are silence.

    The weights come from a local folder; nothing is downloaded. A client names a folder in the
    operator's MILLRACE_MODELS; other manifests may give a path that begins with / or ./.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.TEXT, Kind.JSON})
    runs_in_thread = True

    @classmethod
    def preload(cls, params: WhisperParams) -> None:
        """Import the library: a model has threads, which a fork would not have."""
        stay_offline()
        import_library("faster_whisper", extra="whisper", node_type="WhisperNode")

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
        self._partial_due = 0
        self._span = CancelledSpan()

    def process(self, item: Audio) -> Iterator[Text | Json]:
        """Yield the words of an utterance, once it is complete.

        Raises:
            DataError: audio at another sample rate.
        """
        check_sample_rate(item, _SAMPLE_RATE_HZ)
        self._last = item
        is_first = not len(self._held)
        if is_first:
            self._held_from = _start_of(item, self._position)
            self._partial_due = self._samples(self.params.partial_ms)
        self._held.add(finite_or_silent(item.as_mono()))
        self._span.add(self.context.timestamp_ms, is_first=is_first)
        self._position = _start_of(item, self._position) + item.duration_seconds
        if len(self._held) >= self._samples(self.params.buffer_ms):
            yield from self.flush()
        elif self.params.partial and len(self._held) >= self._partial_due:
            self._partial_due = len(self._held) + self._samples(self.params.partial_ms)
            for transcript in self._transcribe(self._held.joined(), beam_size=1):
                yield from self._result(transcript, is_partial=True)

    def on_control(self, control: Control) -> None:
        """Discard the audio that is held if a barge-in cancels all of it."""
        if self.params.partial and self._span.is_cancelled_by(control):
            self._held.clear()

    def flush(self) -> Iterator[Text | Json]:
        """Yield the words of the audio that is held."""
        if self._last is None or not len(self._held):
            return
        samples = self._held.take_joined(len(self._held))
        transcript: Transcript | None = None
        for transcript in self._transcribe(samples, beam_size=self.params.beam_size):
            if self.params.partial:
                yield from self._result(transcript, is_partial=True)
        if transcript is not None and transcript.text:
            yield from self._result(transcript)
        elif (level := Levels.of(samples).rms_db) > _QUIET_DB:
            reason = (
                "the model takes it for silence or noise"
                if transcript is None
                else "the model gives blank text for it"
            )
            log_no_text(
                self.context,
                f"{reason} (level {level:.0f} dB)",
                start_ms=round(self._held_from * 1000),
                seconds=len(samples) / _SAMPLE_RATE_HZ,
            )

    def cleanup(self) -> None:
        """Release the model."""
        self._model = None
        self._last = None

    def _result(self, transcript: Transcript, *, is_partial: bool = False) -> Iterator[Text | Json]:
        """Yield a transcript in the form of the params; nothing if it is blank."""
        if not transcript.text:
            return
        assert self._last is not None
        is_text = self.params.output == "text"
        result = (transcript.as_text if is_text else transcript.as_json)(is_partial=is_partial)
        yield result.with_metadata(**{**self._last.metadata, **result.metadata})

    def _transcribe(self, samples: Array, *, beam_size: int) -> Iterator[Transcript]:
        """Yield the transcript so far after each segment; the last one is that of all samples."""
        assert self._model is not None
        start = self._held_from
        segments: list[Segment] = []
        what = "the model cannot process this audio"
        with library_errors("faster-whisper", what, of_item=True):
            found, info = self._model.transcribe(
                np.ascontiguousarray(samples),
                language=self.params.language,
                task=self.params.task,
                beam_size=beam_size,
            )
        # A translation is English, whatever the language of the speech.
        language = "en" if self.params.task == "translate" else info.language
        while True:
            with library_errors("faster-whisper", what, of_item=True):
                each = next(found, None)  # the model works here
            if each is None:
                return
            segments.append(
                Segment(start + each.start, start + each.end, each.text, each.avg_logprob)
            )
            yield Transcript(list(segments), language, info.language_probability)

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * _SAMPLE_RATE_HZ // 1000

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
