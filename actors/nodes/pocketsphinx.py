"""PocketSphinxNode."""

import json
from collections.abc import Hashable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeVar

import numpy as np
from pydantic import field_validator, model_validator

from ..actor import Actor
from ..data import Array, Audio, Control, Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field
from ._extras import import_library
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._partial_results import CancelledSpan, PartialParams, log_no_text
from ._sphinx import (
    SAMPLE_RATE_HZ,
    NoWords,
    SphinxDecoder,
    Word,
    check_grammar,
    explained_share,
)
from ._sphinx_partial import PartialDecoder
from ._utterances import Utterance, UtteranceCollector
from ._vad_event import VadEvent

if TYPE_CHECKING:
    from pocketsphinx import Endpointer

# Silence before and after an utterance. With 0.3 s more words of some recordings were right than
# with none (11 of 16, not 9), and speech is detected some windows late.
_MARGIN_MS: Final = 400


class PocketSphinxParams(PartialParams):
    """The words that PocketSphinxNode recognizes."""

    grammar: str | None = Field(
        None,
        max_length=65_536,
        description="JSGF text without imports: only its sentences are recognized; absent: free "
        "dictation",
    )
    keywords: tuple[Annotated[str, Field(max_length=200)], ...] | None = Field(
        None,
        strict=False,
        max_length=1000,
        description="phrases to spot in running speech, as a list or as text with commas; best "
        "with three or more syllables each",
    )
    keyword_threshold: float = Field(
        1e-30,
        gt=0,
        le=1,
        description="1e-50 to 1: a smaller one finds keywords more often, also false ones",
    )
    sample_rate: Literal[16000] = Field(
        16000, description="sample rate of the audio in Hz; the acoustic model has just this one"
    )
    silence_ms: int = Field(
        300,
        ge=0,
        le=10_000,
        description="ms of silence that end an utterance; with VAD events, after the end of speech",
    )
    max_utterance_ms: int = Field(
        30_000, ge=1000, le=300_000, description="ms after which an utterance is ended anyway"
    )
    min_explained: float = Field(
        0.8,
        ge=0,
        le=1,
        description="with a grammar: share of the loud audio that the words must cover, 0 to 1; an "
        "utterance below it is no sentence of the grammar, and gives no text",
    )

    @field_validator("keywords", mode="before")
    @classmethod
    def _split_text(cls, value: object) -> object:
        if isinstance(value, str):
            value = [phrase for phrase in value.replace("\n", ",").split(",") if phrase.strip()]
        if isinstance(value, list | tuple):
            if not value or not all(isinstance(part, str) and part.strip() for part in value):
                raise ValueError(
                    'must be phrases, as ["stop the music"] or "stop the music, lights on", '
                    f"got {value!r}"
                )
            if any("/" in part for part in value):
                raise ValueError(
                    "a phrase must not have a slash, which ends it in the library's file"
                )
            return tuple(" ".join(part.lower().split()) for part in value)
        return value

    @field_validator("grammar")
    @classmethod
    def _without_imports(cls, value: str | None) -> str | None:
        if value is not None:
            check_grammar(value)
        return value

    @model_validator(mode="after")
    def _one_search(self) -> Self:
        if self.grammar is not None and self.keywords is not None:
            raise ValueError("give grammar or keywords, not both: one search is run at a time")
        return self


class PocketSphinxNode(Actor[PocketSphinxParams]):
    """Recognize English speech, with pocketsphinx.

    In: audio at 16 kHz (several channels are mixed), and between it the JSON events of a
    SileroVADNode if there is one: those then mark speech, and chunks of 100 ms or less keep
    utterances apart. Without events the library's own detector marks speech. Out: one text for each
    utterance that was recognized, with metadata

        start_ms, end_ms   where its first word starts and its last one ends, in the stream
        confidence         mean posterior probability of its words, 0 to 1
        explained          share of the loud audio that its words cover, 0 to 1
        words              JSON: [{"word", "start_ms", "end_ms", "confidence"}, ...]

    With a grammar in JSGF, only its sentences are recognized, with few errors, also from a
    synthetic voice; other speech gives no text. Without a grammar, speech is dictation, with more
    errors. Samples that are NaN or infinite are silence.

        #JSGF V1.0;
        grammar home;
        public <command> = turn the (lights | fan) (on | off) [in the (kitchen | bedroom)];

    With partial, the words so far of an utterance that goes on come too, whenever they changed:
    texts with the metadata partial "true", start_ms and end_ms. They come from a second decoder,
    and may differ from the text of the whole utterance, which does not change. A barge-in whose
    span has all audio of the open utterance discards it.

    A grammar is complete: it imports no other. An utterance ends after silence_ms without
    speech, and with the stream. Model and dictionary come with the package `pocketsphinx`; nothing
    is downloaded.
    """

    accepts = frozenset({Kind.AUDIO, Kind.JSON})
    produces = frozenset({Kind.TEXT})
    runs_in_thread = True
    preload_params = frozenset({"grammar", "keywords", "keyword_threshold", "partial"})

    @classmethod
    def preload(cls, params: PocketSphinxParams) -> dict[Hashable, object]:
        """Load the models, for these words."""
        loaded: dict[Hashable, object] = {"decoder": _load(SphinxDecoder, params)}
        if params.partial:
            loaded["partial"] = _load(PartialDecoder, params, normalization="live")
        return loaded

    def initialize(self) -> None:
        """Load the models.

        Raises:
            ImportError: pocketsphinx is not installed.
            ValueError: the grammar or a keyword cannot be used; the message has the reason.
        """
        self.context.progress(0.1, "loading the acoustic model")
        params = self.params
        self._decoder = self.context.preloaded("decoder", partial(_load, SphinxDecoder, params))
        self._partial: PartialDecoder | None = None
        if params.partial:
            self.context.progress(0.5, "loading the decoder for partial results")
            self._partial = self.context.preloaded(
                "partial", partial(_load, PartialDecoder, params, normalization="live")
            )
        self._partial_text = ""
        self._partial_due = 0
        self._span = CancelledSpan()
        self.context.progress(0.9, "loading the speech detector")
        library = import_library("pocketsphinx", extra="speech", node_type="PocketSphinxNode")
        # Speech starts and ends with 4 of 5 blocks of 30 ms.
        self._endpointer: Endpointer = library.Endpointer(
            window=0.15, ratio=0.8, vad_mode=library.Vad.MEDIUM_STRICT, sample_rate=SAMPLE_RATE_HZ
        )
        self._rest: Array = np.empty(0, np.int16)
        self._is_speech: bool | None = None
        self._collector = UtteranceCollector(
            margin=_samples(_MARGIN_MS),
            end_silence=_samples(params.silence_ms),
            longest=_samples(params.max_utterance_ms),
        )

    def process(self, item: Audio | Json) -> Iterator[Text]:
        """Yield the text of each utterance that ended, and with partial the words of an open one.

        Raises:
            DataError: audio at another sample rate, or JSON that is no VAD event.
        """
        if isinstance(item, Json):
            self._is_speech = VadEvent.read(item).is_speech
            return
        if item.sample_rate != SAMPLE_RATE_HZ:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but this node needs {SAMPLE_RATE_HZ} Hz; "
                f"put a FastResampleNode with target_rate {SAMPLE_RATE_HZ} before it"
            )
        for block, is_speech in self._blocks(_as_pcm(item)):
            was_open = self._collector.is_open
            utterance = self._collector.add(block, is_speech=is_speech)
            if self._partial is not None:
                yield from self._recognize_so_far(self._partial, block, was_open=was_open)
            if utterance:
                yield from self._recognize(utterance)

    def on_control(self, control: Control) -> None:
        """Discard the open utterance if a barge-in cancels all of it."""
        if self._partial is not None and self._span.is_cancelled_by(control):
            self._collector.discard()
            self._partial.end()

    def flush(self) -> Iterator[Text]:
        """Yield the text of the utterance that is open at the end of the stream."""
        if len(self._rest):
            utterance = self._collector.add(self._rest, is_speech=self._endpointer.in_speech)
            self._rest = np.empty(0, np.int16)
            if utterance:
                yield from self._recognize(utterance)
        if utterance := self._collector.finish():
            yield from self._recognize(utterance)

    def _blocks(self, pcm: Array) -> Iterator[tuple[Array, bool]]:
        """Yield blocks of the audio, each with whether it is speech."""
        if self._is_speech is not None:
            yield pcm, self._is_speech
            return
        samples = np.concatenate((self._rest, pcm))
        size = self._endpointer.frame_bytes // 2
        whole = len(samples) - len(samples) % size
        self._rest = samples[whole:]
        for begin in range(0, whole, size):
            frame = samples[begin : begin + size]
            with library_errors("pocketsphinx", "this audio cannot be searched for speech"):
                self._endpointer.process(frame.tobytes())
            yield frame, self._endpointer.in_speech

    def _recognize_so_far(
        self, partial: PartialDecoder, block: Array, *, was_open: bool
    ) -> Iterator[Text]:
        """Yield the words of the open utterance, if they are due and have changed."""
        collector = self._collector
        if not collector.is_open:
            partial.end()
            return
        end = collector.end_position
        self._span.add(self.context.timestamp_ms, is_first=not was_open)
        if not was_open:
            partial.begin()
            self._partial_text = ""
            self._partial_due = end + _samples(self.params.partial_ms)
        partial.add(block if was_open else collector.samples)
        if end < self._partial_due:
            return
        self._partial_due = end + _samples(self.params.partial_ms)
        text = partial.text()
        if text and text != self._partial_text:
            self._partial_text = text
            yield Text(
                text,
                language="en-US",
                metadata={
                    "partial": "true",
                    "start_ms": str(_milliseconds(collector.start_position)),
                    "end_ms": str(_milliseconds(end)),
                },
            )

    def _recognize(self, utterance: Utterance) -> Iterator[Text]:
        words = self._decoder.decode(utterance.samples)
        if isinstance(words, NoWords):
            self._log_no_text(utterance, words.reason)
            return
        explained = explained_share(utterance.samples, words)
        if self.params.grammar is not None and explained < self.params.min_explained:
            self._log_no_text(
                utterance,
                f"the words cover {explained:.2f} of its loud audio, and min_explained is "
                f"{self.params.min_explained:g}",
            )
            return
        yield _as_text(words, explained, utterance.position)

    def _log_no_text(self, utterance: Utterance, reason: str) -> None:
        log_no_text(
            self.context,
            reason,
            start_ms=_milliseconds(utterance.position),
            seconds=len(utterance.samples) / SAMPLE_RATE_HZ,
        )


D = TypeVar("D", bound=SphinxDecoder)


def _load(kind: type[D], params: PocketSphinxParams, **options: Any) -> D:
    return kind(params.grammar, params.keywords or (), params.keyword_threshold, **options)


def _as_text(words: list[Word], explained: float, position: int) -> Text:
    timed = [
        {
            "word": word.text,
            "start_ms": _milliseconds(position + word.start),
            "end_ms": _milliseconds(position + word.end),
            "confidence": round(word.confidence, 3),
        }
        for word in words
    ]
    return Text(
        " ".join(word.text for word in words),
        language="en-US",
        metadata={
            "start_ms": str(timed[0]["start_ms"]),
            "end_ms": str(timed[-1]["end_ms"]),
            "confidence": f"{np.mean([word.confidence for word in words]):.3f}",
            "explained": f"{explained:.3f}",
            "words": json.dumps(timed),
        },
    )


def _as_pcm(item: Audio) -> Array:
    if item.samples.dtype == np.int16 and item.channels == 1:
        return item.samples[:, 0]
    mono = finite_or_silent(item.as_mono())
    return np.clip(np.rint(mono * 32767.0), -32768, 32767).astype(np.int16)


def _samples(milliseconds: int) -> int:
    return milliseconds * SAMPLE_RATE_HZ // 1000


def _milliseconds(samples: int) -> int:
    return max(round(samples * 1000 / SAMPLE_RATE_HZ), 0)
