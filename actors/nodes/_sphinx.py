"""The border to pocketsphinx: recognizes the words of an utterance, with times and confidence."""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..data import Array
from ._extras import import_library
from ._library_errors import library_errors

if TYPE_CHECKING:
    from pocketsphinx import Decoder, FsgModel

SAMPLE_RATE_HZ: Final = 16000
"""The sample rate that the acoustic model was trained with."""

FRAME_SAMPLES: Final = 160
"""The recognizer measures time in blocks of 10 ms, which it calls frames."""

# The library has one log and one log level in each process.
_LOG_LOCK: Final = threading.Lock()

_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_IMPORT: Final = re.compile(r"\bimport\s*<")
# Where the library would look for the file of an import, were one not found by `check_grammar`.
_NOWHERE: Final = "/nonexistent"


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word, or a phrase in a search for keywords.

    Attributes:
        start, end: in samples, from the start of the utterance.
        confidence: posterior probability, 0 to 1.
    """

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class NoWords:
    """Why an utterance gives no words."""

    reason: str


class SphinxDecoder:
    """A decoder for whole utterances.

    It receives each utterance as a whole and normalizes it alone (cmn "batch"), independent of
    earlier ones. On recordings of people that gave 20 wrong words in 80, not 24, and 5 of 5 card
    hands, not 4.
    """

    def __init__(
        self,
        grammar: str | None,
        keywords: tuple[str, ...],
        keyword_threshold: float,
        *,
        normalization: Literal["batch", "live"] = "batch",
    ) -> None:
        """Load the models.

        Args:
            grammar: in JSGF; None for none.
            keywords: phrases to spot.
            keyword_threshold: of those.
            normalization: "batch" of whole utterances; "live" for parts of them.

        Raises:
            ImportError: pocketsphinx is not installed.
            ValueError: the grammar or a keyword cannot be used; the message has the reason.
        """
        self._library = import_library("pocketsphinx", extra="speech", node_type="PocketSphinxNode")
        self._is_dictation = grammar is None and not keywords
        self._grammar: FsgModel | None = None
        os.environ["JSGF_PATH"] = _NOWHERE
        with _LOG_LOCK, tempfile.NamedTemporaryFile("r", suffix=".log") as log:
            options = {"samprate": SAMPLE_RATE_HZ, "cmn": normalization, "logfn": log.name}
            try:
                self._decoder: Decoder = self._load(
                    grammar, keywords, keyword_threshold, options | {"loglevel": "ERROR"}
                )
                reports = _reports_of(log.read())
            except (ValueError, RuntimeError) as error:
                raise _refusal(grammar, _reports_of(log.read()) or [str(error)]) from error
            finally:
                self._library.set_loglevel("FATAL")
        # The library logs an undefined rule or a left recursion, and then leaves the rule out.
        if reports:
            raise _refusal(grammar, reports)

    def decode(self, samples: Array) -> list[Word] | NoWords:
        """Return the words of an utterance, mono int16, or why there are none.

        With a grammar, an incomplete sentence is not recognized.

        Raises:
            DataError: the library cannot process the audio.
        """
        if not len(samples):
            return NoWords("there is no audio")
        prepared = (without_dither if self._is_dictation else with_noise_floor)(samples)
        with library_errors("pocketsphinx", "this audio cannot be recognized", of_item=True):
            self._decoder.start_utt()
            try:
                self._decoder.process_raw(prepared.astype("<i2").tobytes(), False, True)
            finally:
                self._decoder.end_utt()
        words = sorted(self._words(), key=lambda word: word.start)
        if not words:
            return NoWords(
                "only silence and noise were recognized"
                if self._is_dictation
                else "it has no sentence of the grammar, and no keyword"
            )
        if self._grammar is not None:
            sentence = " ".join(word.text for word in words)
            if not self._grammar.accept(sentence):
                return NoWords(f"{sentence!r} is an incomplete sentence of the grammar")
        return words

    def _words(self) -> Iterator[Word]:
        # None where nothing was recognized.
        for segment in self._decoder.seg() or ():
            # "<sil>", "[NOISE]", "++UM++" are no words; "the(2)" is a second pronunciation.
            if segment.word.startswith(("<", "[", "+")):
                continue
            yield Word(
                segment.word.split("(")[0].strip(),
                segment.start_frame * FRAME_SAMPLES,
                (segment.end_frame + 1) * FRAME_SAMPLES,
                min(float(segment.prob), 1.0),
            )

    def _load(
        self,
        grammar: str | None,
        keywords: tuple[str, ...],
        keyword_threshold: float,
        options: dict[str, Any],
    ) -> "Decoder":
        if grammar is not None:
            decoder = self._library.Decoder(lm=None, **options)
            self._grammar = decoder.parse_jsgf(grammar.encode())
            decoder.add_fsg("grammar", self._grammar)
            decoder.activate_search("grammar")
            return decoder
        if keywords:
            with tempfile.NamedTemporaryFile("w", suffix=".keywords") as file:
                file.writelines(f"{phrase} /{keyword_threshold:g}/\n" for phrase in keywords)
                file.flush()
                return self._library.Decoder(lm=None, kws=file.name, **options)
        return self._library.Decoder(**options)


def check_grammar(grammar: str) -> None:
    """Check that a grammar imports no other, which would be a file.

    Raises:
        ValueError: it does.
    """
    # A comment may hide an import, or a text that looks like a comment may be one.
    if _IMPORT.search(grammar) or _IMPORT.search(_COMMENT.sub(" ", grammar)):
        raise ValueError("a grammar must not import another one: write its rules into this grammar")


def explained_share(samples: Array, words: list[Word]) -> float:
    """Return the share of an utterance's loud blocks that lies within its words, 0 to 1.

    With a grammar, any speech becomes a sentence: most of it is taken for silence, and then loud
    audio lies outside of the words. A block of 10 ms is loud if it is within 20 dB of the loudest
    ones and above the quietest ones; without any loud block the share is 1.
    """
    count = len(samples) // FRAME_SAMPLES
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES).astype(np.float32)
    level = np.sqrt(np.mean(np.square(frames), axis=1))
    # Zeros were added around the utterance; they are not part of its background.
    sounding = level[level > 0]
    if not sounding.size:
        return 1.0
    loud = level > max(0.1 * np.percentile(sounding, 95), 3.0 * np.percentile(sounding, 10))
    within = np.zeros(count, np.bool_)
    for word in words:
        within[word.start // FRAME_SAMPLES : word.end // FRAME_SAMPLES] = True
    return float(np.mean(within[loud])) if loud.any() else 1.0


def with_noise_floor(samples: Array) -> Array:
    """Return the samples with faint noise, 56 dB below their peak; always the same noise.

    Digital silence around speech has no energy at all, which disturbs the normalization: with a
    grammar 70 % of a synthetic voice's commands were recognized without this noise, 97 % with it,
    and recordings of people equally well. Dictation is better without it (25 wrong words in 96, not
    28).
    """
    noise = np.random.default_rng(0).standard_normal(len(samples), np.float32)
    noise *= float(np.abs(samples.astype(np.int32)).max()) / 600
    return np.clip(np.rint(samples + noise), -32768, 32767).astype(np.int16)


def without_dither(samples: Array) -> Array:
    """Return the samples with those of four steps and less set to 0.

    A resampler's rounding and dither are enough to turn "front" into "friend" in dictation.
    """
    return np.where(np.abs(samples.astype(np.int32)) <= 4, 0, samples).astype(np.int16)


def _reports_of(log: str) -> list[str]:
    """Return the messages in the library's log, without its own source files and lines."""
    messages = []
    for line in log.splitlines():
        _, found, message = line.partition(", line ")
        if found and "Failed to parse JSGF" not in message:
            # The library calls every line line 0.
            messages.append(
                message.partition(": ")[2].strip().replace(" at line 0 current token", ", at")
            )
    return messages


def _refusal(grammar: str | None, reports: list[str]) -> ValueError:
    what = "grammar cannot be used" if grammar is not None else "keywords cannot be used"
    hint = (
        "; the form is: #JSGF V1.0; grammar name; public <command> = open (the door | a window);"
        if grammar is not None
        else ""
    )
    return ValueError(
        f"{what}: {'; '.join(reports)}{hint} (the dictionary has English words in lower case)"
    )
