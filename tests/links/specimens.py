"""Actors that hand on what they received."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from actors import ANY_KIND, Actor, Array, Bundle, Data, Field, Json, Kind, NumpyArray, Params

VIEWS: Final[dict[str, Callable[[Array], Array]]] = {
    "whole": lambda array: array,
    "rows": lambda array: array[3:-5],
    "columns": lambda array: array[:, 7:-9],
    "every other": lambda array: array[::2, 1::2],
    "reversed": lambda array: array[::-1, ::-1],
    "transposed": lambda array: array.T,
    "as bytes": lambda array: array.view(np.uint8),
    "as complex": lambda array: array.view(np.complex64),
    "flat": lambda array: array.reshape(-1)[11:],
    "windows": lambda array: np.lib.stride_tricks.sliding_window_view(array, (1, 3)),
    "repeated": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "odd bytes": lambda array: array.view(np.uint8).reshape(-1)[1:-3].view(np.float32),
}


class AllViews(Actor[Params]):
    """Return every view of each array, with other metadata."""

    accepts = frozenset({Kind.NUMPY})
    produces = frozenset({Kind.NUMPY})

    def process(self, item: NumpyArray) -> Iterator[NumpyArray]:
        for name, view in VIEWS.items():
            yield NumpyArray(view(item.array), metadata={"view": name})


class Annotating(Actor[Params]):
    """Return each item in a bundle, beside a finding; members of a bundle each on their own."""

    accepts = ANY_KIND
    produces = frozenset({Kind.BUNDLE})

    def process(self, item: Data) -> Bundle:
        members = dict(item.members) if isinstance(item, Bundle) else {"frame": item}
        return Bundle({**members, f"finding {len(members)}": Json({"faces": len(members)})})


class KeepParams(Params):
    """How many."""

    items: int = Field(10, ge=0, description="that are kept before the oldest is passed on")


class Keeping(Actor[KeepParams]):
    """Pass each item on when some more have come, and the rest at the end."""

    def initialize(self) -> None:
        self._kept: deque[Data] = deque()

    def process(self, item: Data) -> Data | None:
        self._kept.append(item)
        return self._kept.popleft() if len(self._kept) > self.params.items else None

    def flush(self) -> Iterator[Data]:
        while self._kept:
            yield self._kept.popleft()
