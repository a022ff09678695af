"""The kinds of files that the options name; the media package is imported later."""

from typing import Final

INPUT_KINDS: Final = "audio, lines, text, jsonl, json, image or video"
OUTPUT_KINDS: Final = "audio, video, lines, jsonl, image or srt"


def kind_names(kinds: str) -> list[str]:
    """Return the single names.

    >>> kind_names(OUTPUT_KINDS)
    ['audio', 'video', 'lines', 'jsonl', 'image', 'srt']
    """
    return kinds.replace(" or ", ", ").split(", ")
