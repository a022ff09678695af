"""Items that a node holds, in the order of their timestamps."""

from collections import deque
from collections.abc import Iterable

from ..data import CancelSpeculation, Control, Data

HeldItem = tuple[int, Data]
"""An item and its timestamp, in milliseconds."""


def without_cancelled(held: Iterable[HeldItem], control: Control) -> deque[HeldItem]:
    """Return the items that a control message does not cancel."""
    span = control.message
    if not isinstance(span, CancelSpeculation):
        return deque(held)
    return deque(each for each in held if not span.from_timestamp <= each[0] <= span.to_timestamp)
