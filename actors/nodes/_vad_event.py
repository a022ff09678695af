"""The event that a SileroVADNode gives for the chunk of audio after it."""

from typing import Final, NamedTuple, Self

from ..data import Json
from ..errors import DataError
from ._numbers import show
from ._small_json import small_value

_FLAGS: Final = ("has_speech", "is_speech_start", "is_speech_end")


class VadEvent(NamedTuple):
    """Whether a chunk has speech, and whether speech starts or ends in it."""

    has_speech: bool
    is_start: bool = False
    is_end: bool = False

    @property
    def is_speech(self) -> bool:
        """Whether any of the chunk is speech."""
        return self.has_speech or self.is_start

    @classmethod
    def read(cls, item: Json) -> Self:
        """Read an event.

        Raises:
            DataError: the item is none.
        """
        event = small_value(item)
        if not isinstance(event, dict) or not isinstance(event.get(_FLAGS[0]), bool):
            raise DataError(
                'JSON for this node must be an event of SileroVADNode, {"has_speech": true or '
                f"false, ...}}, got {show(event)}"
            )
        return cls(*(event.get(flag) is True for flag in _FLAGS))
