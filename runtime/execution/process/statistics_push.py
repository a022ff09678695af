"""Sends the statistics of a node process to the server while the node runs."""

import resource
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import trio

from ...links import Inbox, Output
from ..statistics import NodeStatistics

PUSH_SECONDS: Final = 1.0
"""The statistics are sent at most this often."""


class StatisticsPush:
    """Sends statistics when they have changed, at most once a second.

    A node that waits costs nothing: no timer runs in its process. What waits for items calls
    `note_activity`, which starts one, and asks how long it may block the thread meanwhile.

    Args:
        statistics: of the node. Whatever changes in them, a number of items changes too.
        send: sends them.
    """

    def __init__(self, statistics: NodeStatistics, send: Callable[[], Awaitable[None]]) -> None:
        self._statistics = statistics
        self._send = send
        self._sent_items = 0
        self._is_sending = False
        self._due = 0.0
        self._activity = trio.Event()

    def note_activity(self) -> None:
        """Note that the node has received something."""
        if not self._activity.is_set():
            self._activity.set()
            self._due = max(self._due, time.perf_counter() + PUSH_SECONDS)

    def note_wait(self) -> None:
        """Note that the node begins to wait."""
        if self._has_changed():
            self.note_activity()

    def seconds_left(self) -> float | None:
        """Return how long until there is something to send; None where nothing has changed."""
        if not self._has_changed():
            return None
        return max(0.0, self._due - time.perf_counter())

    def is_due(self) -> bool:
        """Return whether `run` has something to send now, for which it needs a turn."""
        if self._is_sending:
            return True
        if not self._has_changed() or time.perf_counter() < self._due:
            return False
        self._activity.set()
        return True

    async def run(self) -> None:
        """Send the statistics whenever they are due, until cancelled."""
        while True:
            await self._activity.wait()
            await trio.sleep(max(0.0, self._due - time.perf_counter()))
            if not self._has_changed():
                self._activity = trio.Event()
                continue
            self._sent_items = self._items()
            self._is_sending = True
            await self._send()
            self._is_sending = False
            self._due = time.perf_counter() + PUSH_SECONDS

    def _has_changed(self) -> bool:
        return self._items() != self._sent_items

    def _items(self) -> int:
        return self._statistics.items_in + self._statistics.items_out


def of_process(
    statistics: NodeStatistics, inbox: Inbox, output: Output, stacks: dict[str, float]
) -> NodeStatistics:
    """Return a copy of a node's statistics, with those of its links and of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return msgspec.structs.replace(
        of_links(statistics, inbox, output),
        stacks=stacks,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        memory_bytes=usage.ru_maxrss * 1024,
        minor_faults=usage.ru_minflt,
        major_faults=usage.ru_majflt,
    )


def of_links(statistics: NodeStatistics, inbox: Inbox, output: Output) -> NodeStatistics:
    """Return a copy of a node's statistics, with those of its links."""
    return msgspec.structs.replace(
        statistics,
        received=inbox.statistics(),
        received_from=inbox.statistics_by_source(),
        taken=inbox.taken(),
        sent=output.statistics(),
    )
