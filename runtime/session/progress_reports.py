"""The progress of the nodes' initialization, for the session's owner and for taps."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import trio

from actors import Progress

from ..errors import MAX_PROGRESS_CHARACTERS, encodable, shortened
from ..events import InitProgress

# Reports that wait for an owner that does not read them; later ones are lost.
_MAX_WAITING: Final = 1000


class ProgressReports:
    """Passes on what nodes report, until every node is ready or one has failed.

    Args:
        on_report: called with every report.
    """

    def __init__(self, on_report: Callable[[InitProgress], None]) -> None:
        self._on_report = on_report
        self._in, self._out = trio.open_memory_channel[InitProgress](_MAX_WAITING)

    def __aiter__(self) -> AsyncIterator[InitProgress]:
        return self._out

    def reporter(self, node_id: str) -> Callable[[Progress], None]:
        """Return the function with which a node reports."""

        def report(progress: Progress) -> None:
            # Cut here for every executor. The texts are a node's, and reach clients as they are.
            status, message = (
                encodable(shortened(str(text), MAX_PROGRESS_CHARACTERS))
                for text in (progress.status, progress.message)
            )
            self.add(InitProgress(node_id, status, progress.fraction, message))

        return report

    def add(self, report: InitProgress) -> None:
        """Pass on a report."""
        self._on_report(report)
        # Full, or closed because all nodes are ready: then this report is of no use any more.
        with suppress(trio.WouldBlock, trio.ClosedResourceError):
            self._in.send_nowait(report)

    def close(self) -> None:
        """End the iteration."""
        self._in.close()
