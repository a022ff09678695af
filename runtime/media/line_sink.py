"""A file of lines: text, JSON values, or a record of everything."""

from actors import Data, Json, Kind, Text

from .as_json import as_record, json_line, one_line
from .byte_output import ByteOutput


class LineSink:
    """A file with a line for each result: a record of it, or only its text or JSON value.

    Without records, results that are neither text nor JSON are written as records too.
    """

    def __init__(self, file: ByteOutput, accepts: frozenset[Kind], *, records: bool) -> None:
        self.name = file.name
        self.accepts = accepts
        self._file = file
        self._records = records
        self._waiting = bytearray()

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
        self._waiting += line.encode() + b"\n"

    def flush(self) -> None:
        """Pass everything that was written to the system, so that readers get it."""
        data, self._waiting = self._waiting, bytearray()
        self._file.write_all(data)

    def interrupt(self) -> None:
        """End a write that waits."""
        self._file.interrupt()

    def close(self) -> None:
        """Write what waits, and close."""
        try:
            self.flush()
        finally:
            self._file.close()
