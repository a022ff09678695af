"""Numbers in JSON items: what counts as one, and the errors for what does not."""

import json
import math

from ..data import Json
from ..errors import DataError

Number = int | float

_VALUE_FORM = '{"value": <number>} or a bare number'


def read_number(value: object, what: str) -> Number:
    """Return `value` if it is a finite number.

    Raises:
        DataError: another type (a boolean is not a number), NaN, infinity, or out of float range.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DataError(f"{what} must be a number, got {show(value)}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an integer beyond 1.8e308
        finite = False
    if not finite:
        raise DataError(f"{what} must be a finite number in float range, got {show(value)}")
    return value


def read_value(item: Json) -> Number:
    """Return the number that `item` carries, as {"value": v} or bare.

    Raises:
        DataError: it carries none.
    """
    payload = item.value
    if isinstance(payload, dict):
        if "value" not in payload:
            raise DataError(f"the input must be {_VALUE_FORM}, got {show(payload)}")
        return read_number(payload["value"], 'the input\'s "value"')
    if isinstance(payload, bool) or not isinstance(payload, int | float):
        raise DataError(f"the input must be {_VALUE_FORM}, got {show(payload)}")
    return read_number(payload, "the input")


def show(value: object) -> str:
    """Return `value` as JSON text for a message, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:  # an integer too long to be written in decimal
        text = f"{type(value).__name__} of many digits"
    return text if len(text) <= 80 else text[:77] + "..."
