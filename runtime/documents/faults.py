"""Collects the faults of a document."""

from typing import Final

from ..errors import ConfigError, Fault, ManifestError

# A hostile document of a megabyte must not cost a suggestion for each of its 100,000 mistakes, nor
# an error message longer than the document.
MOST_FAULTS: Final = 50


class FaultList:
    """The first `MOST_FAULTS` faults of a document, and the number of the others."""

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
        """Whether another fault would only be counted."""
        return len(self._faults) >= MOST_FAULTS

    def add(self, where: str, message: str) -> None:
        """Add a fault, unless the list has it already."""
        fault = Fault(where, message)
        if self.full:
            self._more += 1
        elif fault not in self._faults:
            self._faults.append(fault)

    def extend(self, faults: tuple[Fault, ...]) -> None:
        """Add faults of another list."""
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
