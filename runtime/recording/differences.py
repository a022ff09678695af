"""Differences between recorded and new outputs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from actors import Array, Audio, Binary, Bundle, Data, Json, NumpyArray, Tensor, Text, Video


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may differ: by `absolute`, or by `relative` of the recorded one.

    The default asks for the same bits.
    """

    relative: float = 0.0
    absolute: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether numbers must be the same."""
        return self.relative == 0.0 and self.absolute == 0.0


EXACT: Final = Tolerance()
"""The same bits."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One output that is not as it was recorded.

    Attributes:
        node_id: the node.
        index: of the output, from 0.
        message: what differs.
    """

    node_id: str
    index: int
    message: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.node_id} output {self.index}: {self.message}"


def differences(
    node_id: str, recorded: Sequence[Data], new: Sequence[Data], tolerance: Tolerance = EXACT
) -> list[Difference]:
    """Return how new outputs of a node differ from the recorded ones."""
    found = [
        Difference(node_id, index, message)
        for index, (one, other) in enumerate(zip(recorded, new, strict=False))
        if (message := difference(one, other, tolerance))
    ]
    if len(recorded) != len(new):
        message = f"{len(recorded)} outputs were recorded, now there are {len(new)}"
        found.append(Difference(node_id, min(len(recorded), len(new)), message))
    return found


def difference(recorded: Data, new: Data, tolerance: Tolerance = EXACT) -> str:
    """Return how one item differs from another; empty if it does not."""
    if recorded.kind is not new.kind:
        return f"was {recorded.kind.value}, is {new.kind.value}"
    match recorded, new:
        case Audio(), Audio():
            if recorded.sample_rate != new.sample_rate:
                return f"sample rate was {recorded.sample_rate} Hz, is {new.sample_rate} Hz"
            return _arrays(recorded.samples, new.samples, tolerance)
        case Video(), Video():
            one = (recorded.width, recorded.height, recorded.format, recorded.codec)
            other = (new.width, new.height, new.format, new.codec)
            if one != other:
                return f"was {_picture(recorded)}, is {_picture(new)}"
            return _arrays(recorded.pixels, new.pixels, tolerance)
        case Tensor(), Tensor():
            return _arrays(recorded.array, new.array, tolerance)
        case NumpyArray(), NumpyArray():
            return _arrays(recorded.array, new.array, tolerance)
        case Binary(), Binary():
            return _arrays(recorded.data, new.data, EXACT)
        case Text(), Text():
            return "" if recorded.text == new.text else f"was {recorded.text!r}, is {new.text!r}"
        case Json(), Json():
            return _values("value", recorded.value, new.value, tolerance)
        case Bundle(), Bundle():
            return _bundles(recorded, new, tolerance)
    return "" if recorded == new else f"was {recorded!r}, is {new!r}"


def _arrays(recorded: Array, new: Array, tolerance: Tolerance) -> str:
    if recorded.shape != new.shape or recorded.dtype != new.dtype:
        return (
            f"was {recorded.dtype} of shape {recorded.shape}, is {new.dtype} of shape {new.shape}"
        )
    if tolerance.is_exact or recorded.dtype.kind not in "fc":
        if recorded.tobytes() == new.tobytes():
            return ""
        return f"{np.count_nonzero(recorded != new)} of {recorded.size} elements differ"
    close = np.isclose(
        new, recorded, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True
    )
    if close.all():
        return ""
    largest = float(np.nanmax(np.abs(new - recorded)))
    return f"{np.count_nonzero(~close)} of {recorded.size} elements differ, by up to {largest:g}"


def _values(place: str, recorded: Any, new: Any, tolerance: Tolerance) -> str:
    if isinstance(recorded, dict) and isinstance(new, dict):
        if recorded.keys() != new.keys():
            return f"{place} had the keys {sorted(recorded)}, has {sorted(new)}"
        for key, value in recorded.items():
            if message := _values(f"{place}.{key}", value, new[key], tolerance):
                return message
        return ""
    if isinstance(recorded, list) and isinstance(new, list):
        if len(recorded) != len(new):
            return f"{place} had {len(recorded)} elements, has {len(new)}"
        for index, (one, other) in enumerate(zip(recorded, new, strict=True)):
            if message := _values(f"{place}[{index}]", one, other, tolerance):
                return message
        return ""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (recorded, new))
    if numbers and math.isclose(
        recorded, new, rel_tol=tolerance.relative, abs_tol=tolerance.absolute
    ):
        return ""
    if type(recorded) is type(new) and recorded == new:
        return ""
    return f"{place} was {recorded!r}, is {new!r}"


def _bundles(recorded: Bundle, new: Bundle, tolerance: Tolerance) -> str:
    if recorded.members.keys() != new.members.keys():
        return f"had the members {sorted(recorded.members)}, has {sorted(new.members)}"
    for name, member in recorded.members.items():
        if message := difference(member, new.members[name], tolerance):
            return f"member {name}: {message}"
    return ""


def _picture(video: Video) -> str:
    return f"{video.width} x {video.height} {video.format.name}"
