"""Faults as they are collected."""

from typing import Final

from ..errors import ConfigError, Fault, ManifestError

# Nobody mends more in one go; and a hostile document of a megabyte must not cost a suggestion for
# each of its hundred thousand mistakes, nor an error message longer than itself.
MOST_FAULTS: Final = 50


class FaultList:
    """Faults found so far, the first `MOST_FAULTS` of them with their words."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._more = 0

    def __len__(self) -> int:
        return len(self._faults) + self._more

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that were kept."""
        return tuple(self._faults)

    @property
    def full(self) -> bool:
        """Whether words for another fault would be lost."""
        return len(self._faults) >= MOST_FAULTS

    def add(self, where: str, message: str) -> None:
        """Add one fault, unless it is there already."""
        fault = Fault(where, message)
        if self.full:
            self._more += 1
        elif fault not in self._faults:
            self._faults.append(fault)

    def extend(self, faults: tuple[Fault, ...]) -> None:
        """Add faults that were found elsewhere."""
        for fault in faults:
            self.add(fault.where, fault.message)

    def raise_any(self, error: type[ManifestError | ConfigError] = ManifestError) -> None:
        """Raise one error with all faults, if there are any.

        Raises:
            ManifestError: or the class that was given.
        """
        if self._more:
            raise error([*self._faults, Fault("", f"and at least {self._more} more like these")])
        if self._faults:
            raise error(self._faults)
