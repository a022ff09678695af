"""CalculatorNode."""

import operator
from collections.abc import Callable
from typing import Final

from ..actor import Actor
from ..data import Json
from ..errors import DataError
from ..kinds import Kind
from ..params import NoParams
from ._numbers import Number, read_number, show
from ._small_json import small_value

_OPERATIONS: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
_FORM: Final = '{"operation": "add", "subtract", "multiply" or "divide", "operands": [a, b]}'


class CalculatorNode(Actor[NoParams]):
    """Compute with two numbers.

    In: JSON {"operation": "add", "subtract", "multiply" or "divide", "operands": [a, b]}.
    Out: JSON {"result", "operation", "operands"}. Integers stay integers, except in a division.
    A missing field, an unknown operation, operands that are not two numbers (a boolean is not one)
    and a division by zero are errors of the node.

    >>> CalculatorNode().process(Json({"operation": "add", "operands": [2, 3]})).value
    {'result': 5, 'operation': 'add', 'operands': [2, 3]}
    """

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Json) -> Json:
        """Return the result of one calculation.

        Raises:
            DataError: the input is not a calculation, or its result is not a finite number.
        """
        operation, left, right = _read(small_value(item))
        try:
            result = read_number(_OPERATIONS[operation](left, right), "the result")
        except ZeroDivisionError as error:
            raise DataError(f"division by zero: {left} / {right}") from error
        except OverflowError as error:
            raise DataError(f"the result of {operation} is out of range: {error}") from error
        outcome = {"result": result, "operation": operation, "operands": [left, right]}
        return Json(outcome, metadata=item.metadata)


def _read(payload: object) -> tuple[str, Number, Number]:
    if not isinstance(payload, dict):
        raise DataError(f"the input must be {_FORM}, got {show(payload)}")
    for name in ("operation", "operands"):
        if name not in payload:
            raise DataError(f'"{name}" is missing; the input must be {_FORM}, got {show(payload)}')
    operation, operands = payload["operation"], payload["operands"]
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        known = ", ".join(_OPERATIONS)
        raise DataError(f'"operation" must be one of {known}, got {show(operation)}')
    if not isinstance(operands, list) or len(operands) != 2:
        raise DataError(f'"operands" must be a list of two numbers, got {show(operands)}')
    left, right = (
        read_number(operand, f'"operands"[{index}]') for index, operand in enumerate(operands)
    )
    return operation, left, right
