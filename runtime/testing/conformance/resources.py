"""What an actor takes and does not give back: threads, descriptors, arrays, the loop's time."""

import gc
import os
import resource
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import trio

from .samples import with_own_arrays
from .subject import Subject, processed

# Far more than any honest call on the loop takes, so that a busy machine fails nobody.
_BLOCKING_SECONDS: Final = 0.25


async def check_leaks(subject: Subject) -> list[str]:
    """Check that each session gives back the threads, descriptors and processes that it took."""
    await subject.run(subject.fresh_samples())  # libraries keep some things for good, once
    before = _held()
    await subject.run(subject.fresh_samples())
    gc.collect()
    return [
        f"after cleanup() there are {count} more {what} than before the session: end them there"
        for what, count in (_held() - before).items()
    ]


async def check_borrowed_arrays(subject: Subject) -> list[str]:
    """Check that nothing keeps an input's memory when the actor is gone."""
    alive = await _run_and_watch(subject)
    gc.collect()
    kept = sum(reference() is not None for reference in alive)
    if not kept:
        return []
    return [
        f"{kept} of {len(alive)} arrays that came in are still held after the actor is gone, and "
        "with them shared memory: let go of them in cleanup(), and keep none outside of self"
    ]


async def check_blocking(subject: Subject) -> list[str]:
    """Check that it never holds the loop, which all native actors share, for long."""
    if subject.actor_type.runs_in_thread:
        return []
    spans = _Spans()
    async with subject.started() as actor:
        for item in subject.fresh_samples():
            await processed(actor, item)  # the first may load something
        trio.lowlevel.add_instrument(spans)
        try:
            await trio.lowlevel.checkpoint()
            for item in subject.fresh_samples():
                await processed(actor, item)
                await trio.lowlevel.checkpoint()
        finally:
            trio.lowlevel.remove_instrument(spans)
    if spans.longest < _BLOCKING_SECONDS:
        return []
    return [
        f"process() held the loop for {spans.longest:.2f} s, and with it every native actor: set "
        "runs_in_thread = True, await what waits, or let it run in a process of its own and check "
        'it with executor="multiprocess"'
    ]


async def _run_and_watch(subject: Subject) -> list[weakref.ref[Any]]:
    """Run it, and return weak references to the memory of its inputs."""
    items, watched = [], list[weakref.ref[Any]]()
    for sample in subject.samples:
        item, owned = with_own_arrays(sample)
        items.append(item)
        watched += [weakref.ref(array) for array in owned]
    await subject.run(items)
    return watched


def _held() -> Counter[str]:
    threads = [t for t in threading.enumerate() if not t.name.startswith("Trio thread")]
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = file.read().split()
    return Counter(
        threads=len(threads),
        descriptors=len(os.listdir("/proc/self/fd")),
        processes=len(children),
    )


@dataclass(slots=True)
class _Now:
    """A moment, by three measures: what passed, what this thread computed, how often it slept."""

    wall: float
    computed: float
    sleeps: int

    @classmethod
    def take(cls) -> "_Now":
        sleeps = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        return cls(time.perf_counter(), time.thread_time(), sleeps)


class _Spans(trio.abc.Instrument):
    """Measures how long a task holds the loop between two of its waits."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began: _Now | None = None  # a step that began before it looked is not its to measure

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = _Now.take()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        began, now = self._began, _Now.take()
        if began is None:
            return
        # A machine that is busy with others takes time from it too, but then it neither computes
        # nor goes to sleep.
        slept = now.sleeps > began.sleeps
        held = now.wall - began.wall if slept else now.computed - began.computed
        self.longest = max(self.longest, held)
