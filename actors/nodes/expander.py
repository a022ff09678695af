"""ExpanderNode."""

from collections.abc import Iterator

from ..actor import Actor
from ..data import Json
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_value


class ExpanderParams(Params):
    """The number of ExpanderNode's outputs."""

    expansion_factor: int = Field(3, ge=1, le=1_000_000, description="outputs for each input")


class ExpanderNode(Actor[ExpanderParams]):
    """Return many items for one.

    In: JSON {"value": v}, or a bare number. Out: {"value": v + i, "index": i} for each i from 0 to
    expansion_factor - 1.

    >>> [item.value["value"] for item in ExpanderNode().process(Json({"value": 5}))]
    [5, 6, 7]
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Iterator[Json]:
        """Yield the items one by one.

        Raises:
            DataError: the input carries no number.
        """
        value = read_value(item)
        for index in range(self.params.expansion_factor):
            yield Json({"value": value + index, "index": index}, metadata=item.metadata)
