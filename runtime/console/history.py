"""What the timelines of a session show of the minutes before its page was opened."""

import logging
import math
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Final

import trio

from ..execution import Histogram
from ..metrics import NodeFigures, SessionFigures
from ..session import Runtime
from .snapshots import encoded

FIELDS: Final = ("in_rate", "out_rate", "waiting_items", "p99_ms", "p50_ms", "busy", "cpu")
"""The numbers of a sample: items a second, items, milliseconds, and shares of one processor."""

_INTERVAL_SECONDS: Final = 1.0
# Node processes are asked for their statistics so long before a sample: see the feeds.
_LEAD_SECONDS: Final = 0.1
_MOST_SAMPLES: Final = 300
# A row takes 8.4 kB: together 17 MB, for 400 sessions of four nodes. A sample of 100 sessions of
# three nodes takes 11 ms of processor time (2026-11-27, 2 cores, busy with other work).
_MOST_ROWS: Final = 2000
# Others have a turn after so many sessions.
_SLICE: Final = 10
_SESSION: Final = ""
_UNKNOWN: Final = math.nan
_DIGITS: Final = 4

_log: Final = logging.getLogger("millrace.console")


class _Row:
    """The samples of one node, or of a session as a whole.

    Attributes:
        values: a ring of samples.
    """

    def __init__(self) -> None:
        self.values = array("f", [_UNKNOWN]) * (_MOST_SAMPLES * len(FIELDS))
        self._processing = Histogram()
        self._before: tuple[float, ...] = ()
        self._p99_ms = self._p50_ms = 0.0

    def rates(self, seconds: float, *totals: float) -> list[float]:
        """Return by how much totals have grown a second; NaN in the first sample."""
        before, self._before = self._before, totals
        if not before or seconds <= 0:
            return [_UNKNOWN] * len(totals)
        return [max(0.0, now - then) / seconds for now, then in zip(totals, before, strict=True)]

    def quantiles(self, processing: Histogram) -> tuple[float, float]:
        """Return p99 and p50 of the latest processing times, in milliseconds."""
        if processing.count > self._processing.count:
            recent = processing.since(self._processing)
            self._p99_ms, self._p50_ms = (1000 * recent.quantile(each) for each in (0.99, 0.5))
            self._processing = processing.copy()
        return self._p99_ms, self._p50_ms

    def put(self, place: int, sample: list[float]) -> None:
        """Set the sample at a place of the ring."""
        self.values[place * len(FIELDS) : (place + 1) * len(FIELDS)] = array("f", sample)


class SessionHistory:
    """The last 300 samples of a session. It takes the same memory from the first one on.

    Args:
        nodes: the ids of its nodes.
    """

    def __init__(self, nodes: list[str]) -> None:
        self._rows = {node: _Row() for node in (_SESSION, *nodes)}
        self._clocks = array("d", [0.0]) * _MOST_SAMPLES
        self._count = 0

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self._rows)

    def add(self, figures: SessionFigures, clock: float) -> None:
        """Add a sample.

        Args:
            figures: of the session, read just now.
            clock: the time, in seconds of a clock that is never set.
        """
        seconds = clock - self._clocks[(self._count - 1) % _MOST_SAMPLES] if self._count else 0.0
        place = self._count % _MOST_SAMPLES
        waiting: dict[str, int] = {}
        for link in figures.links:
            waiting[link.reader] = waiting.get(link.reader, 0) + link.waiting
        samples = []
        for node in figures.nodes:
            row = self._rows[node.node_id]
            sample = _sample_of(row, node, waiting.get(node.node_id, 0), seconds)
            row.put(place, sample)
            samples.append(sample)
        whole = self._rows[_SESSION]
        rates = whole.rates(seconds, figures.counts["items_in"], figures.counts["items_out"])
        slowest = [max(sample[column] for sample in samples) for column in (3, 4, 5)]
        whole.put(
            place,
            [*rates, sum(waiting.values()), *slowest, sum(sample[6] for sample in samples)],
        )
        self._clocks[place] = clock
        self._count += 1

    def value(self) -> Callable[[], dict[str, Any]]:
        """Return what makes a value of the samples so far, which is work for a thread.

        The value has them, the oldest first: clocks, and the fields of each node and of "".
        """
        first = max(0, self._count - _MOST_SAMPLES)
        places = [number % _MOST_SAMPLES for number in range(first, self._count)]
        clocks = self._clocks[:]
        rows = {node: row.values[:] for node, row in self._rows.items()}

        def make() -> dict[str, Any]:
            return {
                "clocks": [round(clocks[place], 6) for place in places],
                "rows": {node: dict(_columns(values, places)) for node, values in rows.items()},
            }

        return make


class Histories:
    """Samples each open session once a second, within bounds of memory.

    Of sessions beyond 2000 rows, the timelines begin when their page is opened.

    Args:
        runtime: whose sessions are sampled.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._histories: dict[str, SessionHistory] = {}

    async def run(self) -> None:
        """Take samples until it is cancelled."""
        try:
            while True:
                for session in self._runtime.sessions.values():
                    session.refresh_statistics()
                await trio.sleep(_LEAD_SECONDS)
                await self.sample()
                await trio.sleep(_INTERVAL_SECONDS - _LEAD_SECONDS)
        except Exception:  # noqa: BLE001 (a defect of ours must not end more than this)
            self._histories.clear()
            _log.exception("the history of sessions for the console ends")

    async def sample(self) -> None:
        """Take one sample of each open session."""
        sessions = self._runtime.sessions
        for session_id in self._histories.keys() - sessions.keys():
            del self._histories[session_id]
        rows = sum(history.rows for history in self._histories.values())
        for number, (session_id, session) in enumerate(list(sessions.items())):
            if number % _SLICE == _SLICE - 1:
                await trio.lowlevel.checkpoint()
            history = self._histories.get(session_id)
            if history is None:
                nodes = [str(node.node_id) for node in session.plan.nodes]
                rows += 1 + len(nodes)
                if rows > _MOST_ROWS:
                    rows -= 1 + len(nodes)
                    continue
                history = self._histories[session_id] = SessionHistory(nodes)
            history.add(session.figures(), time.monotonic())

    async def text(self, session_id: str) -> str:
        """Return the history of a session as JSON; empty if there is none."""
        history = self._histories.get(session_id)
        if history is None:
            return ""
        make = history.value()
        # 3.6 ms for three nodes, 2026-11-27; a manifest may have 256.
        return await trio.to_thread.run_sync(
            lambda: encoded(type="history", session_id=session_id, **make())
        )


def _sample_of(row: _Row, node: NodeFigures, waiting: int, seconds: float) -> list[float]:
    statistics = node.statistics
    in_rate, out_rate, busy, cpu = row.rates(
        seconds,
        statistics.items_in,
        statistics.items_out,
        statistics.processing.total_seconds,
        statistics.cpu_seconds,
    )
    # Statistics of a process are from a moment before; a long call counts when it ends.
    return [in_rate, out_rate, waiting, *row.quantiles(statistics.processing), min(busy, 1.0), cpu]


def _columns(
    samples: "array[float]", places: list[int]
) -> Iterator[tuple[str, list[float | None]]]:
    for column, field in enumerate(FIELDS):
        values = (samples[place * len(FIELDS) + column] for place in places)
        yield field, [None if math.isnan(each) else _rounded(each) for each in values]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
