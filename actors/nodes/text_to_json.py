"""TextToJson."""

from ..actor import Actor
from ..data import Json, Text
from ..kinds import Kind
from ..params import Field, Params


class TextToJsonParams(Params):
    """How the text becomes JSON."""

    field: str = Field("text", description="key that the text stands under; empty: no object")
    parse: bool = Field(False, description="the text is JSON itself: take its value")


class TextToJson(Actor[TextToJsonParams]):
    """Turn text into JSON.

    In: text. Out: JSON {"text": "..."}, or the text alone if field is empty; with parse, what the
    text says. Metadata stays.

    Raises DataError where text that is to be parsed is not JSON.

    >>> TextToJson().process(Text("on")).value
    {'text': 'on'}
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})

    def process(self, item: Text) -> Json:
        """Return the JSON."""
        value: object = item.text
        if self.params.parse:
            value = Json.from_text(item.text).value
        if self.params.field and not self.params.parse:
            value = {self.params.field: value}
        return Json(value, metadata=item.metadata)
