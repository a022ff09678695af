"""JsonToText."""

from ..actor import Actor
from ..data import Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params


class JsonToTextParams(Params):
    """What of the JSON becomes text."""

    field: str = Field("", description="key of an object whose value is meant; empty: all of it")


class JsonToText(Actor[JsonToTextParams]):
    """Turn JSON into text.

    In: JSON. Out: text: a string as it is, any other value as JSON. Metadata stays.

    Raises DataError where there is no such field, or the text is not JSON.

    >>> JsonToText(JsonToTextParams(field="answer")).process(Json({"answer": "yes"})).text
    'yes'
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Json) -> Text:
        """Return the text."""
        value, field = item.value, self.params.field
        if field:
            if not isinstance(value, dict) or field not in value:
                raise DataError(f"the JSON has no field {field!r}: {item.text[:80]}")
            value = value[field]
        text = value if isinstance(value, str) else Json(value).text
        return Text(text, metadata=item.metadata)
