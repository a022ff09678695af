"""Measures how long a task holds the event loop between two of its waits."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio


@contextmanager
def measured_spans() -> Iterator["Spans"]:
    """Measure the spans of all tasks in the block."""
    spans = Spans()
    trio.lowlevel.add_instrument(spans)
    try:
        yield spans
    finally:
        trio.lowlevel.remove_instrument(spans)


@dataclass(slots=True)
class Moment:
    """A moment, by three clocks: wall time, this thread's processor time, how often it slept."""

    wall: float
    computed: float
    sleeps: int

    @classmethod
    def take(cls) -> "Moment":
        """Return the present moment."""
        sleeps = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        return cls(time.perf_counter(), time.thread_time(), sleeps)


class Spans(trio.abc.Instrument):
    """Measures how long a task holds the loop between two of its waits."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began: Moment | None = None  # of the step; None if it began before the measurement

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Keep the moment when a task runs on."""
        self._began = Moment.take()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Measure how long the task ran."""
        began, now = self._began, Moment.take()
        if began is None:
            return
        # On a busy machine, wall time passes while this thread neither computes nor sleeps. That is
        # not the task's doing.
        slept = now.sleeps > began.sleeps
        held = now.wall - began.wall if slept else now.computed - began.computed
        self.longest = max(self.longest, held)
