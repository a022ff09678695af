"""Copies payloads in steps, between which other tasks run."""

import itertools
from collections.abc import Iterator
from typing import Final

import numpy as np

from actors import Array

from .layout import Copies

# A step takes some 0.2 ms. 10 MB at once held the event loop for 1.5 to 2 ms, and so all sessions
# of the server. A turn of the others takes 20 us even if there is none: with half of this, copying
# 10 MB took a third more processor time (27 November 2026).
_STEP_BYTES: Final = 1024 * 1024
AT_ONCE_BYTES: Final = 2 * _STEP_BYTES
"""Up to here, a copy is so short that steps do not pay."""


def copied_in_steps(copies: Copies) -> Iterator[None]:
    """Copy arrays; yield where other tasks may run, not after the last step."""
    steps = itertools.chain.from_iterable(_parts(target, source) for target, source in copies)
    for number, (target, source) in enumerate(steps):
        if number:
            yield
        np.copyto(target, source)


def _parts(target: Array, source: Array) -> Iterator[tuple[Array, Array]]:
    """Yield parts of two arrays of one shape, each of about the bytes of a step."""
    if target.flags.f_contiguous:
        target, source = target.T, source.T
    if source.flags.c_contiguous:
        target, source = target.reshape(-1), source.reshape(-1)
    rows = max(1, len(target) * _STEP_BYTES // max(1, target.nbytes))
    for begin in range(0, len(target), rows):
        yield target[begin : begin + rows], source[begin : begin + rows]
