"""Ends a hook that holds the event loop for ever, so that all other sessions live on.

Such a hook holds trio too, whose timeouts cannot find it. A thread does.
"""

import ctypes
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from .call_clock import CallTimes, running_seconds

# A hook that catches the interrupt is interrupted again after this time.
_RETRY_SECONDS: Final = 1.0
_LONGEST: Final = threading.TIMEOUT_MAX

FindFrames = Callable[[FrameType], list[FrameType]]
"""Returns the frames of an actor's hook, the innermost first, given a thread's innermost frame;
none if that thread runs no hook of it."""


class HookInterrupted(BaseException):
    """What is raised in a hook that holds the event loop for too long."""


class _Call:
    """The calls of one actor that may not last too long."""

    def __init__(
        self,
        times: CallTimes,
        seconds: float,
        find_frames: FindFrames,
        on_overdue: Callable[[str], None],
    ) -> None:
        self.times = times
        self.seconds = seconds
        self.find_frames = find_frames
        self.on_overdue = on_overdue
        # When the calls began that were looked at last, and told of last.
        self.looked_at = self.told_of = 0.0

    @property
    def is_overdue(self) -> bool:
        """Whether a call lasts for too long."""
        return running_seconds(self.times) >= self.seconds

    def left_seconds(self) -> float:
        """Return how long it takes until a running call is overdue, or one that begins now."""
        if self.looked_at == self.times[0] and self.is_overdue:
            return _RETRY_SECONDS
        return max(0.0, self.seconds - running_seconds(self.times))


class HeldLoopGuard:
    """A thread that finds hooks which hold the event loop of the thread that created it."""

    def __init__(self) -> None:
        self._loop_thread = threading.get_ident()
        self._calls: set[_Call] = set()
        self._changed = threading.Condition()
        self._wakes_in = _LONGEST
        self._stopped = False

    @contextmanager
    def watching(
        self,
        times: CallTimes,
        seconds: float,
        find_frames: FindFrames,
        on_overdue: Callable[[str], None],
    ) -> Iterator[None]:
        """Interrupt a hook of an actor that holds the loop for longer than `seconds`.

        Python code gets a `HookInterrupted`. A call of C code that does not return cannot be ended.

        Args:
            times: when its calls begin and end.
            seconds: how long one may last.
            find_frames: finds the hook in the loop's stack.
            on_overdue: called from the thread, before the interrupt, with the hook's stack.
        """
        call = _Call(times, seconds, find_frames, on_overdue)
        with self._changed:
            self._calls.add(call)
            if seconds < self._wakes_in:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.remove(call)

    def run(self) -> None:
        """Watch until `stop` is called."""
        while True:
            with self._changed:
                if self._stopped:
                    return
                # A call that begins during the wait is not overdue at its end.
                self._wakes_in = min(
                    (call.left_seconds() for call in self._calls), default=_LONGEST
                )
                self._changed.wait(min(self._wakes_in, _LONGEST))
                overdue = [call for call in self._calls if call.is_overdue]
            for call in overdue:
                self._interrupt(call)

    def stop(self) -> None:
        """End `run`."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _interrupt(self, call: _Call) -> None:
        began = call.looked_at = call.times[0]
        # This thread has just taken the interpreter's lock, and keeps it for 5 ms if nothing waits:
        # the hook cannot return between the look at its stack and the interrupt.
        innermost = sys._current_frames().get(self._loop_thread)
        frames = call.find_frames(innermost) if innermost is not None else []
        if not frames or call.times[0] != began:
            return  # it waits, and trio finds it
        if call.told_of != began:
            call.told_of = began
            call.on_overdue(_stack(frames))
        _raise_in(self._loop_thread, HookInterrupted)


def _stack(frames: list[FrameType]) -> str:
    places = [
        traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name)
        for frame in reversed(frames)
    ]
    return "".join(traceback.StackSummary.from_list(places).format())


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


@contextmanager
def open_held_loop_guard() -> Iterator[HeldLoopGuard]:
    """Watch the event loop of this thread for as long as the block lasts."""
    guard = HeldLoopGuard()
    thread = threading.Thread(target=guard.run, name="millrace held loop", daemon=True)
    thread.start()
    try:
        yield guard
    finally:
        guard.stop()
        thread.join()
