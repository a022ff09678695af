"""Checks of a batched actor: sessions that share a batch get what each gets alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from actors import Context, Data
from actors.batched_calls import entries_of

from .subject import AnyActor, Subject, call, outputs_of, raised

# A model computes a batch in another order of additions than its items one by one.
_RELATIVE: Final = 1e-3
_ABSOLUTE: Final = 1e-5


async def check_batches(subject: Subject) -> list[str]:
    """Check that three sessions get the same of `process_batch` as each gets of `process`."""
    if not subject.actor_type.is_batched or not subject.samples:
        return []
    # The same samples in another order, and fewer of them: the batches shrink.
    streams = [
        subject.fresh_samples(),
        subject.fresh_samples()[::-1],
        subject.fresh_samples()[: len(subject.samples) // 2],
    ]
    try:
        expected = [await subject.run(stream) for stream in streams]
    except Exception:  # noqa: BLE001 (another check reports it)
        return []
    async with subject.started() as actor:
        try:
            batched = await _run_batches(actor, streams)
        except Exception as error:  # noqa: BLE001 (of the actor)
            return [f"process_batch() raised {raised(error)} for items that process() accepts"]
    if all(alike(got, want) for got, want in zip(batched, expected, strict=True)):
        return []
    return [
        "sessions that share a batch get other outputs of process_batch() and flush_state() than "
        "of process() and flush(); keep what belongs to a session in its state, and nowhere else"
    ]


async def _run_batches(actor: AnyActor, streams: Sequence[Sequence[Data]]) -> list[list[Data]]:
    """Return the outputs of each stream, of which a batch takes one item each."""
    states = [actor.open_state(Context(f"session {number}")) for number in range(len(streams))]
    outputs: list[list[Data]] = [[] for _ in streams]
    for step in range(max(map(len, streams))):
        due = [number for number, stream in enumerate(streams) if step < len(stream)]
        work = [(states[number], streams[number][step]) for number in due]
        returned = await call(actor.process_batch, work)
        entries = entries_of(type(actor).__name__, returned, len(work))
        for number, entry in zip(due, entries, strict=True):
            if isinstance(entry, BaseException):
                raise entry
            outputs[number] += await outputs_of(entry)
    for state, given in zip(states, outputs, strict=True):
        given += await outputs_of(await call(actor.flush_state, state))
    return outputs


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are equal, but for the last digits of their numbers."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if one.dtype.kind in "fc":
            return np.allclose(one, other, _RELATIVE, _ABSOLUTE, equal_nan=True)
        return bool(np.array_equal(one, other))
    if isinstance(one, float) and isinstance(other, float):
        is_close = math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        return is_close or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, Data):
        parts = [part.name for part in fields(one)]
        return all(alike(getattr(one, part), getattr(other, part)) for part in parts)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)
