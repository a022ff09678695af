"""SrtOutput."""

import textwrap
from collections.abc import Iterator
from typing import Final, NamedTuple

from ..actor import Actor
from ..data import Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_number, show

_FORM: Final = '[{"start": <seconds>, "end": <seconds>, "text": <text>}, ...]'


class SrtParams(Params):
    """How SrtOutput writes subtitles."""

    include_numbers: bool = Field(
        True, description="whether a line with its number stands before each subtitle"
    )
    max_line_length: int = Field(
        0, ge=0, description="characters in a line, cut between words; 0: lines as they come"
    )


class SrtOutput(Actor[SrtParams]):
    r"""Write subtitles in the SRT format.

    In: JSON, a list of segments [{"start", "end", "text"}, ...] with times in seconds, or an object
    that has one under "segments", as WhisperNode gives it; or text: the same JSON as text, or what
    was said, with its time in the metadata start_ms and end_ms, as PocketSphinxNode gives it. Out:
    one text an input, with a subtitle for each segment; put together they are the file. Numbers go
    on over the whole stream. Segments without text are left out, and an input that has no other
    gives nothing. Other fields of a segment do not matter.

    >>> srt = SrtOutput().process(Json([{"start": 0, "end": 1.5, "text": "Hello."}]))
    >>> srt.text
    '1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n'
    """

    accepts = frozenset({Kind.JSON, Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    _number = 0

    def process(self, item: Json | Text) -> Text | None:
        """Return the subtitles of one item, or nothing if there are none.

        Raises:
            DataError: the item has no segments, or one of them is not valid.
        """
        srt = "".join(self._subtitle(segment) for segment in _segments(item))
        language = item.language if isinstance(item, Text) else ""
        return Text(srt, language=language, metadata=item.metadata) if srt else None

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
    """What is shown from `start` to `end`, in milliseconds."""

    start: int
    end: int
    text: str


def _segments(item: Json | Text) -> list[_Segment]:
    if isinstance(item, Text) and "start_ms" in item.metadata:
        return [_timed_text(item)]
    value = item.value if isinstance(item, Json) else _parsed(item)
    listed = value.get("segments") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise DataError(f"the input must be {_FORM}, got {show(value)}")
    return [_read_segment(segment, index) for index, segment in enumerate(listed)]


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
    return _checked(_Segment(round(start * 1000), round(end * 1000), value["text"]), what)


def _checked(segment: _Segment, what: str) -> _Segment:
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
