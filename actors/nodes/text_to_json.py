"""TextToJson."""

import json
from collections.abc import Awaitable
from typing import Final

from ..actor import Actor
from ..data import Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._slices import PAUSE, SLICE_CHARACTERS, Steps, result_of

# Checking the syntax of this much takes some 20 ms, without a pause.
_MOST_PARSED: Final = 2_097_152


class TextToJsonParams(Params):
    """The form of the JSON."""

    field: str = Field(
        "text", max_length=1000, description="key of the text in an object; empty: no object"
    )
    parse: bool = Field(False, description="the text is JSON itself: take its value")


class TextToJson(Actor[TextToJsonParams]):
    """Turn text into JSON.

    In: text. Out: JSON {"text": "..."}, or the text alone if field is empty; with parse, the value
    that the text has as JSON. Metadata stays.

    Raises DataError where text that is to be parsed is not JSON, or has more than 2097152
    characters.

    >>> TextToJson().process(Text("on")).value
    {'text': 'on'}
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Text) -> Json | Awaitable[Json]:
        """Return the JSON."""
        if self.params.parse:
            return _parsed(item)
        if len(item.text) > SLICE_CHARACTERS:
            return result_of(self._written(item))
        field = self.params.field
        return Json({field: item.text} if field else item.text, metadata=item.metadata)

    def _written(self, item: Text) -> Steps[Json]:
        parts = []
        for begin in range(0, len(item.text), SLICE_CHARACTERS):
            part = item.text[begin : begin + SLICE_CHARACTERS]
            parts.append(json.dumps(part, ensure_ascii=False)[1:-1])
            yield PAUSE
        key = f"{json.dumps(self.params.field, ensure_ascii=False)}: "
        before, after = ("{" + key + '"', '"}') if self.params.field else ('"', '"')
        return Json.from_text("".join([before, *parts, after]), metadata=item.metadata)


def _parsed(item: Text) -> Json:
    if len(item.text) <= SLICE_CHARACTERS:
        return Json(Json.from_text(item.text).value, metadata=item.metadata)
    if len(item.text) > _MOST_PARSED:
        raise DataError(
            f"text that is parsed as JSON has at most {_MOST_PARSED} characters, got "
            f"{len(item.text)}"
        )
    import msgspec  # checks the syntax without making the values, twenty times as fast

    try:
        msgspec.json.decode(item.text, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise DataError(f"not JSON ({error}): {item.text[:77]}...") from error
    except RecursionError as error:
        raise DataError("not JSON: nested too deeply") from error
    return Json.from_text(item.text, metadata=item.metadata)
