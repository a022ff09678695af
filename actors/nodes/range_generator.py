"""RangeGeneratorNode."""

from collections.abc import Iterator
from typing import Final

from ..actor import Actor
from ..data import Json
from ..errors import DataError
from ..kinds import Kind
from ..params import NoParams
from ._numbers import read_number, show
from ._small_json import small_value

_DEFAULTS: Final = {"start": 0, "end": 10, "step": 1}
_FORM: Final = '{"start": 0, "end": 10, "step": 1}, each of them optional'


class RangeGeneratorNode(Actor[NoParams]):
    """Count from start to end, in steps.

    In: JSON {"start": 0, "end": 10, "step": 1}, each of them optional, with these defaults; end is
    not reached, and a negative step counts down. Out: {"value": k} for every k. Another field is an
    error, so that a mistyped name is found.

    >>> [item.value["value"] for item in RangeGeneratorNode().process(Json({"end": 3}))]
    [0, 1, 2]
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Iterator[Json]:
        """Yield the numbers one by one.

        Raises:
            DataError: an unknown field, not an integer, a step of 0.
        """
        for value in _read(small_value(item)):
            yield Json({"value": value}, metadata=item.metadata)


def _read(payload: object) -> range:
    if not isinstance(payload, dict):
        raise DataError(f"the input must be {_FORM}, got {show(payload)}")
    for name in payload:
        if name not in _DEFAULTS:
            raise DataError(f'unknown field "{name}"; the input must be {_FORM}')
    start, end, step = (
        _read_integer(payload.get(name, default), f'"{name}"')
        for name, default in _DEFAULTS.items()
    )
    if step == 0:
        raise DataError('"step" must not be 0: the count would never end')
    return range(start, end, step)


def _read_integer(value: object, what: str) -> int:
    number = read_number(value, what)
    # JSON has one type of number: 3.0 is the integer 3.
    if number != int(number):
        raise DataError(f"{what} must be an integer, got {show(value)}")
    return int(number)
