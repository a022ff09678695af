"""Splits long text at the ends of sentences, where a voice pauses."""

import re
from collections.abc import Iterator
from typing import Final

# The end of a sentence followed by a blank; the look-behind keeps the mark with its sentence.
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;:\n])\s+")


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
