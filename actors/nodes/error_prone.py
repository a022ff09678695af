"""ErrorProneNode."""

from ..actor import Actor
from ..data import Json
from ..kinds import Kind
from ..params import Field, Params
from ._numbers import read_value


class ErrorProneParams(Params):
    """The value that makes ErrorProneNode fail."""

    error_on_value: float = Field(
        -1.0, ge=-1e100, le=1e100, description="the value that it fails on, -1e100 to 1e100"
    )


class ErrorProneNode(Actor[ErrorProneParams]):
    """Fail on one value, to test how a pipeline and its client handle a failure.

    In: JSON {"value": v}, or a bare number. Out: {"value": v, "status": "ok"}.
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Json:
        """Return the value with its status.

        Raises:
            RuntimeError: the value is error_on_value.
            DataError: the input carries no number.
        """
        value = read_value(item)
        if value == self.params.error_on_value:
            raise RuntimeError(f"failing on value {value}, as error_on_value asks")
        return Json({"value": value, "status": "ok"}, metadata=item.metadata)
