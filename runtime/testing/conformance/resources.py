"""Checks that an actor returns its resources: threads, descriptors, arrays, the event loop."""

import gc
import os
import threading
import weakref
from collections import Counter
from typing import Any, Final

import trio

from .loop_spans import measured_spans
from .samples import with_own_arrays
from .subject import OnAsyncio, Subject, call, processed

# Far more than a correct call on the loop takes, so that no actor fails on a busy machine.
_BLOCKING_SECONDS: Final = 0.25


async def check_leaks(subject: Subject) -> list[str]:
    """Check that a session leaves no threads, descriptors or processes behind."""
    await subject.run(subject.fresh_samples())  # libraries keep some for the life of the process
    before = _held()
    await subject.run(subject.fresh_samples())
    gc.collect()
    return [
        f"after cleanup() there are {count} more {what} than before the session: end them in it"
        for what, count in (_held() - before).items()
    ]


async def check_asyncio_tasks(subject: Subject) -> list[str]:
    """Check that no asyncio task of the actor outlives its clean-up."""
    async with subject.opened() as actor:
        if not isinstance(actor, OnAsyncio):
            return []
        await call(actor.initialize)
        for item in subject.fresh_samples():
            await processed(actor, item)
        await call(actor.cleanup)
        left = actor.running_tasks()
    if not left:
        return []
    return [
        f"after cleanup() there are asyncio tasks that the actor started: {', '.join(left)}; "
        "cancel and await them in it"
    ]


async def check_borrowed_arrays(subject: Subject) -> list[str]:
    """Check that no input's memory is in use after the actor."""
    alive = await _run_and_watch(subject)
    gc.collect()
    kept = sum(reference() is not None for reference in alive)
    if not kept:
        return []
    return [
        f"{kept} of {len(alive)} arrays that came in are still held after the actor is gone, and "
        "with them shared memory: drop them in cleanup(), and keep none outside of self"
    ]


async def check_blocking(subject: Subject) -> list[str]:
    """Check that the actor never holds the event loop, which all native actors share, for long."""
    if subject.actor_type.runs_in_thread:
        return []
    if subject.actor_type.is_source:
        return await _check_blocking_source(subject)
    async with subject.started() as actor:
        for item in subject.fresh_samples():
            await processed(actor, item)  # the first call may load something
        with measured_spans() as spans:
            await trio.lowlevel.checkpoint()
            for item in subject.fresh_samples():
                await processed(actor, item)
                await trio.lowlevel.checkpoint()
    if spans.longest < _BLOCKING_SECONDS:
        return []
    return [
        f"process() held the loop for {spans.longest:.2f} s, and with it every native actor: set "
        "runs_in_thread = True, await what waits, or run it in a node process and check "
        'it with executor="multiprocess"'
    ]


async def _check_blocking_source(subject: Subject) -> list[str]:
    await subject.run([])  # the first call may load something
    with measured_spans() as spans:
        await trio.lowlevel.checkpoint()
        await subject.run([])
        await trio.lowlevel.checkpoint()
    if spans.longest < _BLOCKING_SECONDS:
        return []
    return [
        f"generate() held the loop for {spans.longest:.2f} s, and with it every native actor: make "
        "it a plain def, which runs in a thread, await what waits, or run it in a node process and "
        'check it with executor="multiprocess"'
    ]


async def _run_and_watch(subject: Subject) -> list[weakref.ref[Any]]:
    """Run the actor, and return weak references to the memory of its inputs."""
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
