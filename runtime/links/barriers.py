"""Barriers: items that tell when a node has received all that was put on its inlet before.

The first item on the inlet of a node with `generate` is the start signal.
"""

from typing import Final

from actors import Control, Data

from .control_lane import CONTROL_KEY

_KEY: Final = "millrace.barrier"
_START: Final = "millrace.start"
_RESERVED: Final = frozenset({_KEY, _START, CONTROL_KEY})


def barrier(number: int) -> Control:
    """Return a barrier. The node that receives it reports it, and does not pass it on."""
    return Control(None, metadata={_KEY: str(number)})


def number_of_barrier(data: Data) -> int | None:
    """Return the number of a barrier; None for any other item."""
    number = data.metadata.get(_KEY) if isinstance(data, Control) else None
    return None if number is None else int(number)


def start_signal() -> Control:
    """Return the signal at which a source begins to generate. It does not pass it on."""
    return Control(None, metadata={_START: ""})


def is_reserved(data: Data) -> bool:
    """Return whether an item means something to nodes that only their session may say."""
    return isinstance(data, Control) and bool(_RESERVED & data.metadata.keys())


def is_start_signal(data: Data) -> bool:
    """Return whether an item is the start signal."""
    return isinstance(data, Control) and _START in data.metadata
