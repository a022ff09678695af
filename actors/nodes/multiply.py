"""MultiplyNode."""

from ..actor import Actor
from ..data import Json
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_number, read_value
from ._small_json import small_value


class MultiplyParams(Params):
    """The factor of MultiplyNode."""

    factor: float = Field(
        2.0, ge=-1e100, le=1e100, description="every value is multiplied by it, -1e100 to 1e100"
    )


class MultiplyNode(Actor[MultiplyParams]):
    """Multiply a number by a factor.

    In: JSON {"value": v}, or a bare number. Out: the same form; other fields of an object stay.

    >>> MultiplyNode().process(Json({"value": 21})).value
    {'value': 42.0}
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Json:
        """Return the product.

        Raises:
            DataError: the input carries no number, or the product is out of range.
        """
        product = read_number(read_value(item) * self.params.factor, "the product")
        payload = small_value(item)
        outcome = {**payload, "value": product} if isinstance(payload, dict) else product
        return Json(outcome, item.schema_type, metadata=item.metadata)
