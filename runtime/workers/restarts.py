"""When a worker that has died is started again."""

from typing import Final

# One that has run for so long starts with a clean record.
_STEADY_SECONDS: Final = 60.0
_FIRST_SECONDS: Final = 0.5
_MOST_SECONDS: Final = 10.0
_MOST_DEATHS: Final = 6


class Restarts:
    """Counts the deaths of one worker that came soon after its start."""

    def __init__(self) -> None:
        self._deaths = 0

    def delay_after(self, now: float, ready_at: float) -> float | None:
        """Return the seconds to wait before the next start; None: no more.

        The first restart comes at once. Each further one waits twice as long as the one before.

        Args:
            now: when it died.
            ready_at: when it was ready; infinite if it never was.

        >>> restarts = Restarts()
        >>> [restarts.delay_after(1.0, 0.0) for _ in range(6)]
        [0.0, 0.5, 1.0, 2.0, 4.0, None]
        >>> restarts.delay_after(1000.0, 2.0)
        0.0
        """
        if now - ready_at >= _STEADY_SECONDS:
            self._deaths = 0
        self._deaths += 1
        if self._deaths >= _MOST_DEATHS:
            return None
        if self._deaths == 1:
            return 0.0
        return min(_FIRST_SECONDS * float(2 ** (self._deaths - 2)), _MOST_SECONDS)
