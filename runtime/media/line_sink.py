"""A file of lines: text, JSON values, or a record of everything."""

from actors import Data, Json, Kind, Text

from .as_json import as_record, json_line, one_line
from .buffered_text import BufferedText
from .byte_output import ByteOutput


class LineSink(BufferedText):
    """A file with a line for each result: a record of it, or only its text or JSON value.

    Without records, results that are neither text nor JSON are written as records too.
    """

    def __init__(self, file: ByteOutput, accepts: frozenset[Kind], *, records: bool) -> None:
        super().__init__(file)
        self.accepts = accepts
        self._records = records

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0) -> None:
        """Write one result."""
        if isinstance(data, Text) and not self._records:
            line = data.text.removesuffix("\n")
        elif isinstance(data, Json) and not self._records:
            line = one_line(data)
        else:
            line = json_line(
                as_record(data, node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
            )
        self.add(f"{line}\n")
