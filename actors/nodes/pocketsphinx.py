"""PocketSphinxNode."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from ..actor import Actor
from ..data import Array, Audio, Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._extras import import_library
from ._sphinx import SAMPLE_RATE_HZ, SphinxDecoder, Word, explained_share
from ._utterances import Utterance, UtteranceCollector
from ._vad_event import VadEvent

if TYPE_CHECKING:
    from pocketsphinx import Endpointer

# Silence before and after an utterance: with 0.3 s the recordings that were tried came out better
# than with none (11 of 16 words instead of 9), and the VAD is some windows late.
_MARGIN_MS: Final = 400


class PocketSphinxParams(Params):
    """What PocketSphinxNode listens for."""

    grammar: str | None = Field(
        None, description="JSGF text: only its sentences are recognized; absent: free dictation"
    )
    keywords: tuple[str, ...] | None = Field(
        None,
        strict=False,
        description="phrases to spot in running speech, as a list or as text with commas; best "
        "with three or more syllables each",
    )
    keyword_threshold: float = Field(
        1e-30,
        gt=0,
        le=1,
        description="1e-50 to 1: a smaller one finds keywords more often, also where none is",
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
        description="with a grammar: share of the loud audio that the words must cover, 0 to 1, "
        "or the utterance is taken for something else and gives no text",
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
            return tuple(" ".join(part.lower().split()) for part in value)
        return value

    @model_validator(mode="after")
    def _one_search(self) -> Self:
        if self.grammar is not None and self.keywords is not None:
            raise ValueError("give grammar or keywords, not both: one search is run at a time")
        return self


class PocketSphinxNode(Actor[PocketSphinxParams]):
    """Recognize English speech, with pocketsphinx.

    In: audio at 16 kHz (several channels are mixed), and between it the JSON events of a
    SileroVADNode if there is one: those then tell where speech is, and chunks of 100 ms or less
    keep utterances apart. Without events the library's own detector does. Out: one text per
    utterance that was understood, with metadata

        start_ms, end_ms   where its first word starts and its last one ends, in the stream
        confidence         mean posterior probability of its words, 0 to 1
        explained          share of the loud audio that its words cover, 0 to 1
        words              JSON: [{"word", "start_ms", "end_ms", "confidence"}, ...]

    With a grammar in JSGF only its sentences can come out, and they are recognized well, also from
    a synthetic voice. What fits no sentence of it gives no text. Without one, it takes dictation,
    which is rough.

        #JSGF V1.0;
        grammar home;
        public <command> = turn the (lights | fan) (on | off) [in the (kitchen | bedroom)];

    An utterance ends after silence_ms without speech, and with the stream. Model and dictionary
    come with the package `pocketsphinx`; nothing is downloaded.
    """

    accepts = frozenset({Kind.AUDIO, Kind.JSON})
    produces = frozenset({Kind.TEXT})
    runs_in_thread = True

    def initialize(self) -> None:
        """Load the models.

        Raises:
            ImportError: pocketsphinx is not installed.
            ValueError: the grammar or a keyword cannot be used; the message says why.
        """
        self.context.progress(0.1, "loading the acoustic model")
        params = self.params
        self._decoder = SphinxDecoder(
            params.grammar, params.keywords or (), params.keyword_threshold
        )
        self.context.progress(0.9, "loading the speech detector")
        library = import_library("pocketsphinx", extra="speech", node_type="PocketSphinxNode")
        # Speech starts and ends with 4 of 5 frames of 30 ms.
        self._endpointer: Endpointer = library.Endpointer(
            window=0.15, ratio=0.8, vad_mode=library.Vad.MEDIUM_STRICT, sample_rate=SAMPLE_RATE_HZ
        )
        self._unheard: Array = np.empty(0, np.int16)
        self._vad_says: bool | None = None
        self._collector = UtteranceCollector(
            margin=_samples(_MARGIN_MS),
            end_silence=_samples(params.silence_ms),
            longest=_samples(params.max_utterance_ms),
        )

    def process(self, item: Audio | Json) -> Iterator[Text]:
        """Yield the text of the utterances that ended.

        Raises:
            DataError: audio at another sample rate, or JSON that is no VAD event.
        """
        if isinstance(item, Json):
            self._vad_says = VadEvent.read(item).is_speech
            return
        if item.sample_rate != SAMPLE_RATE_HZ:
            raise DataError(
                f"the audio has {item.sample_rate} Hz, but this node needs {SAMPLE_RATE_HZ} Hz; "
                f"put a FastResampleNode with target_rate {SAMPLE_RATE_HZ} before it"
            )
        for block, is_speech in self._tell_speech(_as_pcm(item)):
            if utterance := self._collector.add(block, is_speech=is_speech):
                yield from self._recognize(utterance)

    def flush(self) -> Iterator[Text]:
        """Yield the text of the utterance that is open at the end of the stream."""
        if len(self._unheard):
            utterance = self._collector.add(self._unheard, is_speech=self._endpointer.in_speech)
            self._unheard = np.empty(0, np.int16)
            if utterance:
                yield from self._recognize(utterance)
        if utterance := self._collector.finish():
            yield from self._recognize(utterance)

    def _tell_speech(self, pcm: Array) -> Iterator[tuple[Array, bool]]:
        """Yield blocks of the audio with whether they are speech."""
        if self._vad_says is not None:
            yield pcm, self._vad_says
            return
        heard = np.concatenate((self._unheard, pcm))
        size = self._endpointer.frame_bytes // 2
        whole = len(heard) - len(heard) % size
        for begin in range(0, whole, size):
            frame = heard[begin : begin + size]
            self._endpointer.process(frame.tobytes())
            yield frame, self._endpointer.in_speech
        self._unheard = heard[whole:]

    def _recognize(self, utterance: Utterance) -> Iterator[Text]:
        words = self._decoder.decode(utterance.samples)
        if not words:
            return
        explained = explained_share(utterance.samples, words)
        if self.params.grammar is not None and explained < self.params.min_explained:
            return
        yield _as_text(words, explained, utterance.position)


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
    return np.clip(np.rint(item.as_mono() * 32767.0), -32768, 32767).astype(np.int16)


def _samples(milliseconds: int) -> int:
    return milliseconds * SAMPLE_RATE_HZ // 1000


def _milliseconds(samples: int) -> int:
    return max(round(samples * 1000 / SAMPLE_RATE_HZ), 0)
