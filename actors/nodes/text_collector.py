"""TextCollectorNode."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Final

from pydantic import field_validator

from ..actor import Actor, State
from ..data import DEFAULT_CHANNEL, Data, Text
from ..kinds import Kind
from ..params import Field, Params
from ._boundaries import (
    LONGEST_PATTERN,
    Boundaries,
    ClientBoundaries,
    UsualBoundaries,
    check_pattern,
)
from ._slices import PAUSE, outputs_of

# Text without a boundary is held until it has so many characters.
_LONGEST_SENTENCE: Final = 65_536

# A boundary that comes in several pieces of text is found if it is no longer than this. So each
# piece costs the search of itself, however much is held.
_LONGEST_BOUNDARY: Final = 64


class TextCollectorParams(Params):
    """The end of a sentence for TextCollectorNode."""

    split_pattern: str | None = Field(
        None,
        max_length=LONGEST_PATTERN,
        description="a regular expression of one boundary, in RE2's syntax; absent: one of . ! ? ; "
        "and newline",
    )
    min_sentence_length: int = Field(
        3, ge=0, le=10_000, description="characters; a shorter sentence is joined to the next one"
    )
    yield_partial_on_end: bool = Field(
        True, description="whether the end of the stream brings out text without a boundary"
    )

    @field_validator("split_pattern")
    @classmethod
    def _is_a_boundary(cls, value: str | None) -> str | None:
        if value is not None:
            check_pattern(value)
        return value


class TextCollectorNode(Actor[TextCollectorParams]):
    r"""Collect pieces of text, such as a language model's tokens, into sentences.

    In: text in pieces. Out: one text a sentence: everything up to and including a run of boundaries
    (. ! ? ; newline, or split_pattern), without leading blanks. A sentence shorter than
    min_sentence_length is joined to the next one; one without an end is cut after 65536 characters.
    Text on a channel other than "tts" (or none) passes at once, unchanged. Language, channel and
    metadata are those of the piece that ended the sentence.

    A sentence comes out as soon as its boundary is seen, since waiting for the next piece would
    delay speech. If that piece begins with more boundaries ("Wait." and then ".."), they belong to
    the sentence that is out already, and are dropped.

    split_pattern is a regular expression in RE2's syntax, which has no look-around and no back
    references, of at most 200 characters. A boundary of more than 64 characters is found only
    within one piece of text.

    >>> collector = TextCollectorNode()
    >>> [text.text for text in collector.process(Text("One. Two"))]
    ['One.']
    >>> [text.text for text in collector.process(Text(" and a half! Thr"))]
    ['Two and a half!']
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    _boundaries: Boundaries | None = None
    _pending = ""
    _searched = 0
    _last: Text | None = None
    _ended_at_boundary = False

    def process(self, item: Text) -> Iterable[Data] | AsyncIterator[Data]:
        """Yield the sentences that became complete, or an item of another channel."""
        if item.channel not in ("", DEFAULT_CHANNEL):
            return (item,)
        if self._boundaries is None:
            pattern = self.params.split_pattern
            self._boundaries = UsualBoundaries() if pattern is None else ClientBoundaries(pattern)
        is_large = len(item.text) > self._boundaries.slice_characters
        return outputs_of(self._sentences(item, self._boundaries), is_large=is_large)

    def flush(self) -> Iterator[Text]:
        """Yield the text after the last boundary."""
        rest = self._pending.lstrip()
        self._pending, self._searched = "", 0
        if rest and self._last is not None and self.params.yield_partial_on_end:
            yield replace(self._last, text=rest)

    def export_state(self) -> dict[str, State]:
        """Return the text that waits for its boundary, and the last piece."""
        return {
            "pending": self._pending,
            "searched": self._searched,
            "last": self._last,
            "ended_at_boundary": self._ended_at_boundary,
        }

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with that text."""
        self._pending, self._searched = state["pending"], state["searched"]
        self._last, self._ended_at_boundary = state["last"], state["ended_at_boundary"]

    def _sentences(self, item: Text, boundaries: Boundaries) -> Iterator[Text | None]:
        self._last = item
        text, size = item.text, boundaries.slice_characters
        for begin in range(0, len(text), size):
            is_last = begin + size >= len(text)
            for sentence in self._add(text[begin : begin + size], boundaries, is_last=is_last):
                yield replace(item, text=sentence)
            yield PAUSE

    def _add(self, piece: str, boundaries: Boundaries, *, is_last: bool) -> list[str]:
        """Add a piece and return the sentences that it completes.

        A run of boundaries at the end of a piece is complete only where the piece is the last of
        its item.
        """
        if self._ended_at_boundary:
            piece = piece[boundaries.run_at_start(piece) :]
        self._pending += piece
        sentences, begin = [], 0
        search_from = max(self._searched - _LONGEST_BOUNDARY, 0)
        for _, end in boundaries.runs(self._pending, search_from):
            if end == len(self._pending) and not is_last:
                break
            sentence = self._pending[begin:end].lstrip()
            if sentence and len(sentence) >= self.params.min_sentence_length:
                sentences.append(sentence)
                begin = end
        if len(self._pending) - begin > _LONGEST_SENTENCE:
            blank = self._pending.rfind(" ", begin)
            end = blank + 1 if blank > begin else len(self._pending)
            sentence = self._pending[begin:end].strip()
            if sentence:
                sentences.append(sentence)
            begin = end
        self._pending = self._pending[begin:]
        self._searched = len(self._pending)
        if piece:
            self._ended_at_boundary = bool(sentences) and not self._pending
        return sentences
