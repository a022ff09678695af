"""FilterNode."""

from ..actor import Actor
from ..data import Json
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_value


class FilterParams(Params):
    """What FilterNode lets through."""

    min_value: float = Field(0.0, description="the smallest value that passes")


class FilterNode(Actor[FilterParams]):
    """Let a number pass that is at least min_value, and drop a smaller one.

    In: JSON {"value": v}, or a bare number. Out: the item as it came, or nothing.
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})

    def process(self, item: Json) -> Json | None:
        """Return the item itself if it passes.

        Raises:
            DataError: the input carries no number.
        """
        return item if read_value(item) >= self.params.min_value else None
