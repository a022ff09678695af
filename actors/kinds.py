"""The kinds of data in a pipeline."""

from enum import Enum
from typing import Final


class Kind(Enum):
    """A kind of data; the value is its name in the wire contract.

    A bundle is the contract's `named_buffers`: several items under their names.
    """

    AUDIO = "audio"
    VIDEO = "video"
    TENSOR = "tensor"
    JSON = "json"
    TEXT = "text"
    BINARY = "binary"
    CONTROL = "control"
    NUMPY = "numpy"
    FILE = "file"
    BUNDLE = "bundle"

    # By identity: every item on every link is looked up by its kind, and Enum's own hash costs five
    # times as much.
    __hash__ = object.__hash__


ANY_KIND: Final = frozenset(Kind)
"""All kinds, for an actor that accepts or produces any."""
