"""A file of subtitles."""

import re
from typing import Final

from actors import Data, Kind, Text

from .buffered_text import BufferedText
from .byte_output import ByteOutput
from .errors import MediaError

# The second line of a subtitle, or its first where subtitles have no numbers.
_TIMES: Final = re.compile(r"\A(?:\d+\r?\n)?\d+:\d\d:\d\d,\d{3} --> \d+:\d\d:\d\d,\d{3}\r?\n")


class SubtitleSink(BufferedText):
    """A file of subtitles in the SRT format, of one node."""

    accepts = frozenset({Kind.TEXT})

    def __init__(self, file: ByteOutput) -> None:
        super().__init__(file)
        self._node_id = ""

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Append the subtitles of one result.

        Raises:
            MediaError: it is not in the SRT format, or another node gave the subtitles before it.
        """
        assert isinstance(data, Text)
        self._node_id = self._node_id or node_id
        if node_id != self._node_id:
            raise MediaError(
                f"{self.name}: takes the subtitles of one node, and got some of {self._node_id!r} "
                f"and {node_id!r}; give each its own file with --output {node_id}=FILE"
            )
        if not _TIMES.match(data.text):
            raise MediaError(
                f"{self.name}: takes subtitles in the SRT format, and node {node_id!r} gives other "
                "text; put a SrtOutput node behind it, or write to a .txt file"
            )
        # An empty line ends a subtitle.
        self.add(data.text.rstrip("\r\n") + "\n\n")
