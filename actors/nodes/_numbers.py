"""Numbers in JSON items, and the errors for what is none."""

import json
import math

from ..data import Json
from ..errors import DataError
from ._small_json import small_value

Number = int | float

_VALUE_FORM = '{"value": <number>} or a bare number'
_MOST_SHOWN = 80


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
    """Return the number in `item`, which is {"value": v} or bare.

    Raises:
        DataError: there is none.
    """
    payload = small_value(item)
    if isinstance(payload, dict):
        if "value" not in payload:
            raise DataError(f"the input must be {_VALUE_FORM}, got {show(payload)}")
        return read_number(payload["value"], 'the input\'s "value"')
    if isinstance(payload, bool) or not isinstance(payload, int | float):
        raise DataError(f"the input must be {_VALUE_FORM}, got {show(payload)}")
    return read_number(payload, "the input")


def show(value: object) -> str:
    """Return `value` as JSON text for a message, cut where it is long."""
    text = ""
    try:
        # Written piece by piece, since the value may be long.
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(_short(value)):
            text += piece
            if len(text) > _MOST_SHOWN:
                return text[: _MOST_SHOWN - 3] + "..."
    except ValueError:  # an integer too long to be written in decimal
        return f"{type(value).__name__} of many digits"
    return text


def _short(value: object) -> object:
    """Return a value without long texts, as far as a message shows it."""
    if isinstance(value, str):
        return value[: _MOST_SHOWN + 1]
    if isinstance(value, list):
        return [_short(each) for each in value[:_MOST_SHOWN]]
    if isinstance(value, dict):
        return {key[:_MOST_SHOWN]: _short(value[key]) for key in list(value)[:_MOST_SHOWN]}
    return value
