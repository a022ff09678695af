"""FilterNode."""

from ..actor import Actor
from ..data import Json
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_value


class FilterParams(Params):
    """The limit of FilterNode."""

    min_value: float = Field(
        0.0, ge=-1e100, le=1e100, description="the smallest value that passes, -1e100 to 1e100"
    )


class FilterNode(Actor[FilterParams]):
    """Pass numbers that are at least min_value, and drop smaller ones.

    In: JSON {"value": v}, or a bare number. Out: the item unchanged, or nothing.
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Json | None:
        """Return the item itself if it passes.

        Raises:
            DataError: the input carries no number.
        """
        return item if read_value(item) >= self.params.min_value else None
