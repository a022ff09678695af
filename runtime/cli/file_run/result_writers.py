"""Writes results to the output files, and counts those that no file can hold."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

from actors import Data, Json, Kind, Text

from ...errors import printable_json, printable_lines
from ...media import MediaError, Sink
from ..tables import kinds_text


@dataclass(slots=True)
class ResultWriter:
    """Writes the results of some nodes to one file.

    Attributes:
        nodes: the ids of the nodes.
        is_terminal: whether the file is a terminal that shows text and JSON as it is; JSON lines
            escape control characters themselves.
        written: the number of results written.
        rejected: number of results that the file cannot hold, by kind and node.
    """

    sink: Sink
    nodes: frozenset[str]
    is_terminal: bool = False
    written: int = 0
    rejected: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int) -> bool:
        """Write a result, if it is of these nodes and of a kind that the file can hold.

        Returns:
            Whether it was written.

        Raises:
            MediaError: its format differs from that of the results before.
        """
        if node_id not in self.nodes:
            return False
        if data.kind not in self.sink.accepts:
            self.rejected[data.kind, node_id] += 1
            return False
        shown = _for_terminal(data) if self.is_terminal else data
        self.sink.write(shown, node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
        self.written += 1
        return True


class ResultWriters:
    """The writers of all output files. Methods may block: call them in a worker thread."""

    def __init__(self) -> None:
        self._writers: list[ResultWriter] = []
        self._unwritten: Counter[tuple[Kind, str]] = Counter()

    def add(self, writer: ResultWriter) -> None:
        """Add a writer."""
        self._writers.append(writer)

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int) -> None:
        """Write a result to each file of its node that can hold it.

        Raises:
            MediaError: its format differs from that of the results before.
        """
        written = [
            writer.write(data, node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
            for writer in self._writers
        ]
        if not any(written):
            self._unwritten[data.kind, node_id] += 1

    def flush(self) -> None:
        """Make everything that was written visible to readers."""
        for writer in self._writers:
            writer.sink.flush()

    def interrupt(self) -> None:
        """End a write that waits for a reader; callable from any thread."""
        for writer in self._writers:
            writer.sink.interrupt()

    def close(self) -> None:
        """Complete and close all files, also if one of them fails.

        Raises:
            MediaError: the first failure.
            ReaderGoneError: the reader of a pipe has closed it.
        """
        first: Exception | None = None
        for writer in self._writers:
            try:
                writer.sink.close()
            except Exception as error:  # noqa: BLE001 (raised below, when all are closed)
                first = first or error
        if first is not None:
            raise first

    def check(self) -> None:
        """Check at the end that no file is empty because it can hold none of the results.

        Raises:
            MediaError: all results for a file were of kinds that it cannot hold.
        """
        for writer in self._writers:
            if not writer.written and writer.rejected:
                raise MediaError(
                    f"{writer.sink.name}: nothing was written: it takes "
                    f"{kinds_text(writer.sink.accepts)}, and the results were "
                    f"{_counted(writer.rejected)}"
                )

    def unwritten(self) -> str:
        """Return the results that were written to no file, counted in words; empty if none."""
        return _counted(self._unwritten)


def _for_terminal(data: Data) -> Data:
    """Return text and JSON with control characters escaped; other data is written as JSON."""
    match data:
        case Text():
            return dataclasses.replace(data, text=printable_lines(data.text))
        case Json():
            text = printable_json(data.text)
            return Json.from_text(text, data.schema_type, metadata=data.metadata)
        case _:
            return data


def _counted(results: Counter[tuple[Kind, str]]) -> str:
    return ", ".join(
        f"{count} {kind.value} result{'s' * (count > 1)} of {node!r}"
        for (kind, node), count in results.items()
    )
