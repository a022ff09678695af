"""Stacks of the actors' own code, looked at every few milliseconds of processor time."""

import os
import signal
import sys
import threading
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
    looked at then. What waits uses no processor and is not seen.

    Attributes:
        stacks: node id -> stack -> seconds. A stack is its frames from the actor's hook inwards,
            each "function (file:line)", joined by `FRAME_SEPARATOR`.
    """

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, float]] = {}

    def __enter__(self) -> "StackSampler":
        """Begin; only the main thread of a process may."""
        self._previous = signal.signal(signal.SIGPROF, self._look)
        signal.siginterrupt(signal.SIGPROF, False)  # libraries in C go on with what they wait for
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_SECONDS, _INTERVAL_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._previous)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        frames = sys._current_frames()
        del frames[_main_thread()]
        for each in (frame, *frames.values()):
            found = _actor_stack(each)
            if found is not None:
                self._count(*found)

    def _count(self, node: str, stack: str) -> None:
        stacks = self.stacks.setdefault(node, {})
        if stack in stacks or len(stacks) < _MOST_STACKS:
            stacks[stack] = stacks.get(stack, 0.0) + _INTERVAL_SECONDS


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
