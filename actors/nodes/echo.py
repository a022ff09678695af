"""EchoNode."""

from dataclasses import replace

from ..actor import Actor
from ..data import Audio, Text
from ..kinds import Kind
from ..params import NoParams


class EchoNode(Actor[NoParams]):
    """Echo text with a count, and pass audio unchanged.

    In: text. Out: `Echo #N: T`, where N counts the texts of this session from 1; language, channel
    and metadata stay. Audio passes unchanged and is not counted.

    >>> EchoNode().process(Text("hello")).text
    'Echo #1: hello'
    """

    accepts = frozenset({Kind.TEXT, Kind.AUDIO})
    produces = frozenset({Kind.TEXT, Kind.AUDIO})

    _count = 0

    def process(self, item: Text | Audio) -> Text | Audio:
        """Return the echo of a text, or the audio itself."""
        if isinstance(item, Audio):
            return item
        self._count += 1
        return replace(item, text=f"Echo #{self._count}: {item.text}")

    def export_state(self) -> int:
        """Return the count."""
        return self._count

    def import_state(self, state: int) -> None:
        """Go on counting."""
        self._count = int(state)
