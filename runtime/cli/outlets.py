"""Results on their way into files: which goes where, and which went nowhere."""

from collections import Counter
from dataclasses import dataclass, field

from actors import Data, Kind

from ..media import MediaError, Sink
from .tables import kinds_text


@dataclass(slots=True)
class Outlet:
    """A file that results go to.

    Attributes:
        nodes: whose results it gets.
        passed_over: kind and node of what came and could not be written there.
    """

    sink: Sink
    nodes: frozenset[str]
    written: int = 0
    passed_over: Counter[tuple[Kind, str]] = field(default_factory=Counter)


class Outlets:
    """All files that results go to. Its methods write, and may block: call them in a thread."""

    def __init__(self) -> None:
        self._outlets: list[Outlet] = []
        self._lost: Counter[tuple[Kind, str]] = Counter()

    def add(self, outlet: Outlet) -> None:
        """Add a file."""
        self._outlets.append(outlet)

    def write(self, data: Data, *, node_id: str, sequence: int, timestamp_ms: int) -> None:
        """Write a result to each of its files that can hold it.

        Raises:
            MediaError: a file cannot take it after what it already has.
        """
        is_written = False
        for outlet in self._outlets:
            if node_id not in outlet.nodes:
                continue
            if data.kind not in outlet.sink.accepts:
                outlet.passed_over[data.kind, node_id] += 1
                continue
            outlet.sink.write(data, node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
            outlet.written += 1
            is_written = True
        if not is_written:
            self._lost[data.kind, node_id] += 1

    def flush(self) -> None:
        """Let readers see everything."""
        for outlet in self._outlets:
            outlet.sink.flush()

    def interrupt(self) -> None:
        """End a write that waits, from any thread."""
        for outlet in self._outlets:
            outlet.sink.interrupt()

    def close(self) -> None:
        """Complete all files, also where one of them fails.

        Raises:
            MediaError: the first failure.
            ReaderGoneError: a pipe's other end was closed.
        """
        first: Exception | None = None
        for outlet in self._outlets:
            try:
                outlet.sink.close()
            except Exception as error:  # noqa: BLE001 (raised below, when the others are closed)
                first = first or error
        if first is not None:
            raise first

    def check(self) -> None:
        """Check at the end that no file stayed empty for want of the right kind.

        Raises:
            MediaError: results came for a file, and none of them could be written there.
        """
        for outlet in self._outlets:
            if not outlet.written and outlet.passed_over:
                raise MediaError(
                    f"{outlet.sink.name}: nothing was written: it takes "
                    f"{kinds_text(outlet.sink.accepts)}, and there came only "
                    f"{_counted(outlet.passed_over)}"
                )

    def lost(self) -> str:
        """Return what was written nowhere, for people; empty if nothing."""
        return _counted(self._lost)


def _counted(results: Counter[tuple[Kind, str]]) -> str:
    return ", ".join(
        f"{count} {kind.value} result{'s' * (count > 1)} of {node!r}"
        for (kind, node), count in results.items()
    )
