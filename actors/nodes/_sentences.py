"""Splits long text at the ends of sentences, where a voice pauses."""

import re
from collections.abc import Iterator
from typing import Final

# The end of a sentence followed by a blank; the look-behind keeps the mark with its sentence.
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;:\n])\s+")

# Marks of a sentence's end with a blank after them, marks of scripts that need no blank, and lines.
_STREAMED_END: Final = re.compile(
    r"[.!?;:\u2026][\"'\u201d\u2019)\]]{0,3}\s|[\u3002\uff01\uff1f]|\n"
)
_LONGEST_END: Final = 5


def split_long_text(text: str, at_least: int = 400) -> Iterator[str]:
    """Yield parts of `text` of at least so many characters, each of whole sentences.

    Short text, and text without the end of a sentence, is not split.

    >>> list(split_long_text("One two. Three four. Five.", at_least=10))
    ['One two. Three four.', 'Five.']
    """
    begin = 0
    for end in _SENTENCE_END.finditer(text):
        if end.start() - begin >= at_least:
            yield text[begin : end.start()]
            begin = end.end()
    if text[begin:].strip():
        yield text[begin:]


class SentenceStream:
    """Joins the pieces of a streamed text to sentences, for a voice.

    A sentence ends with a mark and a blank after it, so that "3.14" is not split. A line ends one
    too. Text without an end is cut at a blank after `longest` characters.

    >>> stream = SentenceStream()
    >>> [sentence for piece in ("It is 3", ".14. Re", "ally? Y") for sentence in stream.add(piece)]
    ['It is 3.14.', 'Really?']
    >>> stream.end()
    'Y'
    """

    def __init__(self, *, longest: int = 400) -> None:
        self._longest = longest
        self._pending = ""

    def add(self, piece: str) -> Iterator[str]:
        """Yield the sentences that a piece completes, without blanks around them."""
        searched = max(len(self._pending) - _LONGEST_END, 0)
        self._pending += piece
        begin = 0
        for end in _STREAMED_END.finditer(self._pending, searched):
            if sentence := self._pending[begin : end.end()].strip():
                yield sentence
            begin = end.end()
        self._pending = self._pending[begin:]
        while len(self._pending) > self._longest:
            blank = self._pending.rfind(" ", 1, self._longest)
            cut = blank if blank > 0 else self._longest
            if sentence := self._pending[:cut].strip():
                yield sentence
            self._pending = self._pending[cut:]

    def end(self) -> str:
        """Return what has not ended; empty if there is nothing."""
        rest, self._pending = self._pending.strip(), ""
        return rest
