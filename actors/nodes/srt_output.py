"""SrtOutput."""

import textwrap
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final, NamedTuple

from ..actor import Actor
from ..data import Data, Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._json_scan import JsonScanner, Span
from ._numbers import read_number, show
from ._slices import PAUSE, SLICE_CHARACTERS, Steps, outputs_of

_FORM: Final = '[{"start": <seconds>, "end": <seconds>, "text": <text>}, ...]'

# More does not fit onto a screen.
_MOST_TEXT: Final = 16_384
_LATEST_MS: Final = 10**12

# Subtitles of a long input come in several texts of about this length.
_PART_CHARACTERS: Final = 1_048_576
_SEGMENTS_PER_PAUSE: Final = 32


class SrtParams(Params):
    """The form of SrtOutput's subtitles."""

    include_numbers: bool = Field(
        True, description="whether each subtitle begins with a line that has its number"
    )
    max_line_length: int = Field(
        0,
        ge=0,
        le=10_000,
        description="characters in a line, cut between words; 0: lines are not cut",
    )


class SrtOutput(Actor[SrtParams]):
    r"""Write subtitles in the SRT format.

    In: JSON, a list of segments [{"start", "end", "text"}, ...] with times in seconds, or an object
    that has one under "segments", as WhisperNode gives it; or text: the same JSON as text, or
    recognized text with its time in the metadata start_ms and end_ms, as PocketSphinxNode gives it.
    Out: one text an input, with a subtitle for each segment; more than a million characters of
    subtitles come in several texts. Put together they are the file. Numbers count over the whole
    stream. Segments without text are left out, and an input that has no other gives nothing. Other
    fields of a segment are ignored. The text of a segment has at most 16384 characters.

    >>> srt = SrtOutput().process(Json([{"start": 0, "end": 1.5, "text": "Hello."}]))
    >>> srt.text
    '1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n'
    """

    accepts = frozenset({Kind.JSON, Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    _number = 0

    def process(self, item: Json | Text) -> Text | Iterable[Data] | AsyncIterator[Data] | None:
        """Return the subtitles of one item, or nothing if there are none.

        Raises:
            DataError: the item has no segments, or one of them is not valid.
        """
        if len(item.text) > SLICE_CHARACTERS:
            return outputs_of(self._written(item), is_large=True)
        return _as_text("".join(map(self._subtitle, _segments(item))), item)

    def _written(self, item: Json | Text) -> Iterator[Text | None]:
        parts: list[str] = []
        length = 0
        for segment in _scanned_segments(item):
            if segment is not PAUSE:
                parts.append(self._subtitle(segment))
                length += len(parts[-1])
                if len(parts) % _SEGMENTS_PER_PAUSE:
                    continue
            if length > _PART_CHARACTERS:
                yield _as_text("".join(parts), item)
                parts, length = [], 0
            yield PAUSE
        yield _as_text("".join(parts), item)

    def _subtitle(self, segment: "_Segment") -> str:
        lines = list(self._lines(segment.text))
        if not lines:
            return ""
        self._number += 1
        number = [str(self._number)] if self.params.include_numbers else []
        times = f"{_timestamp(segment.start)} --> {_timestamp(segment.end)}"
        return "\n".join([*number, times, *lines]) + "\n\n"

    def _lines(self, text: str) -> Iterator[str]:
        # An empty line would end the subtitle.
        for line in filter(None, map(str.strip, text.splitlines())):
            if self.params.max_line_length:
                yield from textwrap.wrap(
                    line,
                    self.params.max_line_length,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            else:
                yield line


class _Segment(NamedTuple):
    """A text that is shown from `start` to `end`, in milliseconds."""

    start: int
    end: int
    text: str


def _as_text(srt: str, item: Json | Text) -> Text | None:
    language = item.language if isinstance(item, Text) else ""
    return Text(srt, language=language, metadata=item.metadata) if srt else None


def _segments(item: Json | Text) -> list[_Segment]:
    if isinstance(item, Text) and "start_ms" in item.metadata:
        return [_timed_text(item)]
    value = item.value if isinstance(item, Json) else _parsed(item)
    listed = value.get("segments") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise DataError(f"the input must be {_FORM}, got {show(value)}")
    return [_read_segment(segment, index) for index, segment in enumerate(listed)]


def _scanned_segments(item: Json | Text) -> Iterator[_Segment | None]:
    """Yield the segments of a long item, and pauses."""
    if isinstance(item, Text) and "start_ms" in item.metadata:
        yield _timed_text(item)
        return
    scanner = JsonScanner(item.text)
    begin = yield from _list_of_segments(scanner)
    is_list = not scanner.end
    if item.text[begin : begin + 1] != "[":
        raise DataError(f"the input must be {_FORM}, got {item.text[:77]}...")
    index = 0
    for value in scanner.values(begin):
        if value is PAUSE:
            yield PAUSE
        else:
            yield _read_segment(value[0], index)
            index += 1
    if is_list:
        yield from scanner.ends_at(scanner.end)


def _list_of_segments(scanner: JsonScanner) -> Steps[int]:
    """Return the place of the list of segments: the whole text, or a member of it."""
    begin = yield from scanner.blank(0)
    if scanner.text[begin : begin + 1] != "{":
        return begin
    found: Span | None = None
    for member in scanner.members(begin):
        if member is not PAUSE and member.key == "segments":
            found = member.value
        yield PAUSE
    yield from scanner.ends_at(scanner.end)
    if found is None:
        raise DataError(f"the input must be {_FORM}, got {scanner.text[:77]}...")
    return found.begin


def _parsed(item: Text) -> object:
    try:
        return Json.from_text(item.text).value
    except DataError as error:
        raise DataError(
            f"text must be {_FORM}, or have its time in the metadata start_ms and end_ms; {error}"
        ) from error


def _timed_text(item: Text) -> _Segment:
    start, end = _milliseconds(item, "start_ms"), _milliseconds(item, "end_ms")
    return _checked(_Segment(start, end, item.text), "the text")


def _milliseconds(item: Text, key: str) -> int:
    try:
        return int(item.metadata.get(key, ""))
    except ValueError as error:
        raise DataError(
            f"the text's metadata must have {key} in whole ms, got {item.metadata.get(key)!r}"
        ) from error


def _read_segment(value: object, index: int) -> _Segment:
    what = f"segment {index}"
    if not isinstance(value, dict) or not {"start", "end", "text"} <= value.keys():
        raise DataError(f'{what} must have "start", "end" and "text", got {show(value)}')
    if not isinstance(value["text"], str):
        raise DataError(f'the "text" of {what} must be text, got {show(value["text"])}')
    start, end = (read_number(value[key], f'the "{key}" of {what}') for key in ("start", "end"))
    if max(abs(start), abs(end)) * 1000 > _LATEST_MS:
        raise DataError(f"{what} is at a time beyond {_LATEST_MS // 1000} s, which is the most")
    return _checked(_Segment(round(start * 1000), round(end * 1000), value["text"]), what)


def _checked(segment: _Segment, what: str) -> _Segment:
    if len(segment.text) > _MOST_TEXT:
        raise DataError(
            f"the text of {what} has {len(segment.text)} characters; {_MOST_TEXT} is the most"
        )
    if segment.end > _LATEST_MS:
        raise DataError(f"{what} ends after {_LATEST_MS // 1000} s, which is the most")
    if not 0 <= segment.start <= segment.end:
        raise DataError(
            f"{what} must start at 0 or later, and end no earlier than it starts, got "
            f"{segment.start} ms to {segment.end} ms"
        )
    return segment


def _timestamp(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
