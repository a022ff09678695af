"""Measures how long a task holds the event loop between two of its waits."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from typing import Final

import trio

# Of the kernel's documentation (scheduler/sched-stats): nanoseconds on a processor, nanoseconds of
# waiting for one, and the number of turns.
_OWN_SCHEDULE: Final = "/proc/thread-self/schedstat"


@contextmanager
def measured_spans() -> Iterator["Spans"]:
    """Measure the spans of all tasks in the block, which run in this thread."""
    with ExitStack() as stack:
        schedule = None
        with suppress(OSError):  # a kernel without statistics of its scheduler
            schedule = stack.enter_context(open(_OWN_SCHEDULE, "rb", buffering=0))
        spans = Spans(schedule)
        trio.lowlevel.add_instrument(spans)
        stack.callback(trio.lowlevel.remove_instrument, spans)
        yield spans


@dataclass(slots=True)
class Moment:
    """A moment: the time, and for how long this thread has waited for a processor; seconds."""

    now: float
    waited: float


class Spans(trio.abc.Instrument):
    """Measures how long a task holds the loop between two of its waits.

    On a busy machine, the thread waits for a processor meanwhile. That is not the task's doing, and
    does not count.

    Args:
        schedule: the thread's schedstat; None where there is none.

    Attributes:
        longest: the longest span, in seconds.
    """

    def __init__(self, schedule: FileIO | None) -> None:
        self.longest = 0.0
        self._schedule = schedule
        self._began: Moment | None = None  # of the step; None if it began before the measurement

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Keep the moment when a task runs on."""
        self._began = self._moment()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Measure how long the task ran."""
        began, ended = self._began, self._moment()
        if began is not None:
            held = (ended.now - began.now) - (ended.waited - began.waited)
            self.longest = max(self.longest, held)

    def _moment(self) -> Moment:
        waited = 0
        if self._schedule is not None:
            waited = int(os.pread(self._schedule.fileno(), 100, 0).split()[1])
        return Moment(time.perf_counter(), waited / 1e9)
