"""JsonToText."""

from collections.abc import Awaitable

from ..actor import Actor
from ..data import Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._json_scan import JsonScanner, Span
from ._slices import PAUSE, SLICE_CHARACTERS, Steps, result_of


class JsonToTextParams(Params):
    """The part of the JSON that becomes text."""

    field: str = Field(
        "", max_length=1000, description="key of an object, whose value is taken; empty: all of it"
    )


class JsonToText(Actor[JsonToTextParams]):
    """Turn JSON into text.

    In: JSON. Out: text: a string as it is, any other value as JSON (more than 16384 characters of
    it with the blanks that it came with). Metadata stays.

    Raises DataError where there is no such field, or the text is not JSON.

    >>> JsonToText(JsonToTextParams(field="answer")).process(Json({"answer": "yes"})).text
    'yes'
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.TEXT})
    stateless = True

    def process(self, item: Json) -> Text | Awaitable[Text]:
        """Return the text."""
        if len(item.text) > SLICE_CHARACTERS:
            return result_of(self._scanned(item))
        value, field = item.value, self.params.field
        if field:
            if not isinstance(value, dict) or field not in value:
                raise self._missing(item)
            value = value[field]
        text = value if isinstance(value, str) else Json(value).text
        return Text(text, metadata=item.metadata)

    def _scanned(self, item: Json) -> Steps[Text]:
        scanner = JsonScanner(item.text)
        begin = yield from scanner.blank(0)
        if self.params.field:
            span = yield from self._field_of(item, scanner, begin)
        else:
            span = Span(begin, (yield from scanner.value_end(begin)))
            yield from scanner.ends_at(span.end)
        if item.text[span.begin] == '"':
            return Text((yield from scanner.string(span)), metadata=item.metadata)
        return Text(item.text[span.begin : span.end], metadata=item.metadata)

    def _field_of(self, item: Json, scanner: JsonScanner, begin: int) -> Steps[Span]:
        if item.text[begin : begin + 1] != "{":
            raise self._missing(item)
        found: Span | None = None
        for member in scanner.members(begin):
            # Of several members with one key the last one counts, as in every JSON parser here.
            if member is not PAUSE and member.key == self.params.field:
                found = member.value
            yield PAUSE
        yield from scanner.ends_at(scanner.end)
        if found is None:
            raise self._missing(item)
        return found

    def _missing(self, item: Json) -> DataError:
        return DataError(f"the JSON has no field {self.params.field!r}: {item.text[:80]}")
