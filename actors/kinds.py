"""The kinds of data that travel through a pipeline."""

from enum import Enum
from typing import Final


class Kind(Enum):
    """A kind of data; the value is the name that the wire contract gives it."""

    AUDIO = "audio"
    VIDEO = "video"
    TENSOR = "tensor"
    JSON = "json"
    TEXT = "text"
    BINARY = "binary"
    CONTROL = "control"
    NUMPY = "numpy"
    FILE = "file"


ANY_KIND: Final = frozenset(Kind)
"""What an actor declares that takes or gives every kind."""
