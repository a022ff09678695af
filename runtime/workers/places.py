"""The places for sessions of all workers, as the supervisor counts them."""

from ..config import Limits
from ..session import Capacity, Demand, SystemResources


def open_places(limits: Limits) -> Capacity:
    """Return what admits the sessions of all workers within `max_sessions` and the like.

    It does not look at the machine: each worker does, with descriptors of its own.
    """
    return Capacity(limits, _AnyMachine())


class _AnyMachine(SystemResources):
    def shortage(self, demand: Demand, pending: Demand) -> str:
        """Return that there is none."""
        return ""

    def can_ever_fit(self, demand: Demand) -> bool:
        """Return that it does."""
        return True
