"""Arrays that are filled where they are read: slots of shared memory, loaned to an actor."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from actors import Array

from .layout import HEADER_BYTES
from .memory import Slot

# Behind the payload, for metadata and the like, whose length is not known when the loan is made.
ATTRIBUTES_BYTES: Final = 1024


class Loan:
    """The owner of a loaned array: the array has it as its base, and keeps it alive.

    Once the slot is sent, the producer reads it like any other reader: so it is not used again as
    long as the actor keeps the array.

    Attributes:
        sent: whether the slot was published.
        address: of the payload.
        on_end: called when the array is gone; tells which producer made the loan.
    """

    __slots__ = (
        "__array_interface__",
        "_sample",
        "address",
        "on_end",
        "sent",
        "slot",
    )

    def __init__(
        self,
        slot: Slot,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        on_end: Callable[["Loan"], None],
    ) -> None:
        self.slot = slot
        self.sent = False
        self.address = slot.address + HEADER_BYTES
        self._sample: Any = None
        self.on_end = on_end
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (self.address, False),
        }

    def array(self) -> Array:
        """Return the array, to be filled."""
        return np.asarray(self)

    def keep(self, sample: object) -> None:
        """Hold the sample that was sent."""
        self.sent = True
        self._sample = sample

    def __del__(self) -> None:
        del self._sample, self.slot
        self.on_end(self)


def loan_of(array: Array) -> Loan | None:
    """Return the loan that `array` is all of, if it is one."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if (
        isinstance(base, Loan)
        and not base.sent
        and array.flags.c_contiguous
        and array.__array_interface__["data"][0] == base.address
    ):
        return base
    return None
