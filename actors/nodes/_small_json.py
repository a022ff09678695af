"""JSON items that are short by their meaning, such as one calculation or one event."""

from typing import Final

from ..data import Json
from ..errors import DataError

# Parsing this much takes some 20 ms at worst, and nothing else of the process runs meanwhile.
_MOST_CHARACTERS: Final = 262_144


def small_value(item: Json) -> object:
    """Return the value of a JSON item of at most 262,144 characters.

    Raises:
        DataError: it is longer, or not JSON.
    """
    if len(item.text) > _MOST_CHARACTERS:
        raise DataError(
            f"JSON for this node has at most {_MOST_CHARACTERS} characters, got {len(item.text)}"
        )
    return item.value
