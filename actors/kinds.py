"""The kinds of data that travel through a pipeline."""

from enum import Enum
from typing import Final


class Kind(Enum):
    """A kind of data; the value is the name that the wire contract gives it.

    A bundle is the contract's `named_buffers`: several items, each of another kind.
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

    # By identity, since every item on every link is looked up by it: Enum's own hash costs five
    # times as much.
    __hash__ = object.__hash__


ANY_KIND: Final = frozenset(Kind)
"""What an actor declares that takes or gives every kind."""
