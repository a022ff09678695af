"""An output for one reader."""

from dataclasses import dataclass

from .data import Data
from .timestamped import Timestamped


@dataclass(frozen=True, slots=True)
class Routed:
    """An item that a hook returns or yields for one of the nodes that read it.

    Without it, every reader gets every output. An item that is routed is no result of the session.

    >>> from actors import Text
    >>> Routed(Text("hello"), to="speak").to
    'speak'

    Attributes:
        data: the item.
        to: the id of the reader, one of `context.readers`.
    """

    data: Data | Timestamped
    to: str
