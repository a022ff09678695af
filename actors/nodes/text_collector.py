"""TextCollectorNode."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pydantic import field_validator

from ..actor import Actor
from ..data import DEFAULT_CHANNEL, Text
from ..kinds import Kind
from ..params import Field, Params

_DEFAULT_BOUNDARY: Final = r"[.!?;\n]"


class TextCollectorParams(Params):
    """Where TextCollectorNode ends a sentence."""

    split_pattern: str | None = Field(
        None,
        description="a regular expression of one boundary; absent: one of . ! ? ; and newline",
    )
    min_sentence_length: int = Field(
        3, ge=0, description="characters; a shorter sentence is joined to the next one"
    )
    yield_partial_on_end: bool = Field(
        True, description="whether text without a boundary is given at the end of the stream"
    )

    @field_validator("split_pattern")
    @classmethod
    def _is_a_boundary(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            pattern = re.compile(_run_of(value))
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}; got {value!r}") from error
        if pattern.match(""):
            raise ValueError(
                f"must not match the empty text, or every place were a boundary, got {value!r}; "
                r'a pattern such as "[.!?]" or "\n\n" is meant'
            )
        return value


class TextCollectorNode(Actor[TextCollectorParams]):
    r"""Collect pieces of text, such as a language model's tokens, into sentences.

    In: text in pieces. Out: one text a sentence: everything up to and including a run of boundaries
    (. ! ? ; newline, or split_pattern), without leading blanks. A sentence shorter than
    min_sentence_length is joined to the next one. Text on a channel other than "tts" (or none)
    passes at once, as it came. Language, channel and metadata are those of the piece that ended the
    sentence.

    A sentence goes out as soon as its boundary is seen, since waiting for the next piece would
    delay speech. If that piece goes on with more boundaries ("Wait." and then ".."), they belong to
    the sentence that is gone, and are dropped.

    >>> collector = TextCollectorNode()
    >>> [text.text for text in collector.process(Text("One. Two"))]
    ['One.']
    >>> [text.text for text in collector.process(Text(" and a half! Thr"))]
    ['Two and a half!']
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    _pending = ""
    _last: Text | None = None
    _ended_at_boundary = False

    @property
    def _boundaries(self) -> re.Pattern[str]:
        # re keeps compiled patterns, so this is a look-up.
        return re.compile(_run_of(self.params.split_pattern or _DEFAULT_BOUNDARY))

    def process(self, item: Text) -> Iterator[Text]:
        """Yield the sentences that became complete, or an item of another channel."""
        if item.channel not in ("", DEFAULT_CHANNEL):
            yield item
            return
        self._last = item
        for sentence in self._add(item.text):
            yield replace(item, text=sentence)

    def flush(self) -> Iterator[Text]:
        """Yield the text after the last boundary."""
        rest = self._pending.lstrip()
        self._pending = ""
        if rest and self._last is not None and self.params.yield_partial_on_end:
            yield replace(self._last, text=rest)

    def _add(self, piece: str) -> list[str]:
        """Add a piece and return the sentences that it completes."""
        if self._ended_at_boundary and (run := self._boundaries.match(piece)):
            piece = piece[run.end() :]
        self._pending += piece
        sentences, begin = [], 0
        for run in self._boundaries.finditer(self._pending):
            sentence = self._pending[begin : run.end()].lstrip()
            if sentence and len(sentence) >= self.params.min_sentence_length:
                sentences.append(sentence)
                begin = run.end()
        self._pending = self._pending[begin:]
        if piece:
            self._ended_at_boundary = bool(sentences) and not self._pending
        return sentences


def _run_of(boundary: str) -> str:
    return f"(?:{boundary})+"
