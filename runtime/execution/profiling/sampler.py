"""Stacks of the actors' own code, looked at every few milliseconds of processor time."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from actors import Actor

_INTERVAL_SECONDS: Final = 0.002
# A stack is a line of text per node and place; a program has far fewer places than this.
_MOST_STACKS: Final = 20_000
_VARIABLE: Final = "MILLRACE_PROFILE"

FRAME_SEPARATOR: Final = "\x1f"


class StackSampler:
    """Counts the stacks of actors in this process, for as long as its block lasts.

    The kernel's timer of processor time interrupts the main thread; the stacks of all threads are
    looked at then. Each counts for the processor time that its thread has used since the look
    before: the kernel's timer may be twice as slow as it was set, and a call of a library in C is
    looked at once, when it ends. What waits uses no processor and is not seen.

    Attributes:
        stacks: node id -> stack -> seconds. A stack is its frames from the actor's hook inwards,
            each "function (file:line)", joined by `FRAME_SEPARATOR`.
    """

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, float]] = {}
        self._used: dict[int, float] = {}
        self._is_looking = False

    def __enter__(self) -> "StackSampler":
        """Begin; only the main thread of a process may."""
        self._used = {thread: _processor_seconds(thread) for thread in sys._current_frames()}
        self._previous = signal.signal(signal.SIGPROF, self._look)
        signal.siginterrupt(signal.SIGPROF, False)  # libraries in C go on with what they wait for
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_SECONDS, _INTERVAL_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._previous)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        if self._is_looking:
            return  # the next signal came during this: the same time would count twice
        self._is_looking = True
        try:
            self._count_all(frame)
        finally:
            self._is_looking = False

    def _count_all(self, frame: FrameType | None) -> None:
        frames: dict[int, FrameType | None] = {**sys._current_frames(), _main_thread(): frame}
        used = {thread: _processor_seconds(thread) for thread in frames}
        for thread, each in frames.items():
            # A thread may have got the number of one that has ended, which used more.
            seconds = used[thread] - self._used.get(thread, 0.0)
            if seconds > 0 and (found := _actor_stack(each)) is not None:
                self._count(*found, seconds)
        self._used = used

    def _count(self, node: str, stack: str, seconds: float) -> None:
        stacks = self.stacks.setdefault(node, {})
        if stack in stacks or len(stacks) < _MOST_STACKS:
            stacks[stack] = stacks.get(stack, 0.0) + seconds


def _actor_stack(frame: FrameType | None) -> tuple[str, str] | None:
    """Return the node and its stack, from its outermost frame; None where no actor runs."""
    stack: list[str] = []
    found: tuple[str, list[str]] | None = None
    while frame is not None:
        code = frame.f_code
        stack.append(f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})")
        owner = frame.f_locals.get("self")
        if isinstance(owner, Actor) and hasattr(owner, "context"):
            found = owner.context.node_id, stack[:]
        frame = frame.f_back
    if found is None:
        return None
    node, inwards = found
    return node, FRAME_SEPARATOR.join(reversed(inwards))


def _processor_seconds(thread: int) -> float:
    """Return the processor time that a running thread of this process has used."""
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _main_thread() -> int:
    ident = threading.main_thread().ident
    assert ident is not None
    return ident


@contextmanager
def sampling() -> Iterator[StackSampler]:
    """Sample this process, and let the node processes that are started meanwhile sample too."""
    os.environ[_VARIABLE] = "1"
    try:
        with StackSampler() as sampler:
            yield sampler
    finally:
        del os.environ[_VARIABLE]


@contextmanager
def sampling_if_requested() -> Iterator[dict[str, dict[str, float]]]:
    """Sample a node's process, if whoever started it is sampling; yield the stacks."""
    if _VARIABLE not in os.environ:
        yield {}
        return
    with StackSampler() as sampler:
        yield sampler.stacks
