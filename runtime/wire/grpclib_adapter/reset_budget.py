"""How many calls of one connection may be reset or refused."""

from collections.abc import Callable
from typing import Final

from ..http2_limits import MAX_CONCURRENT_CALLS

# A client may cancel all calls that it can have at once. Each takes the server about 0.2 ms.
_MOST: Final = float(MAX_CONCURRENT_CALLS)
_PER_SECOND: Final = 100.0


class ResetBudget:
    """Counts the calls of one connection that ended without an answer of the server's own.

    Opening and resetting calls costs a client nothing, and no limit of concurrent calls counts them
    (CVE-2023-44487). Nor does it count calls that the server itself refuses or resets.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = _MOST
        self._counted_at = clock()

    def take(self) -> bool:
        """Count one call; return whether the budget had room for it."""
        now = self._clock()
        self._left = min(self._left + _PER_SECOND * (now - self._counted_at), _MOST) - 1
        self._counted_at = now
        return self._left >= 0
