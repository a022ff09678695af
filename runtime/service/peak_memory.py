"""The memory of the server, as the metrics of all sessions give it."""

import resource
import time
from typing import Final

_KIB: Final = 1024
# getrusage adds up the counters of all threads, which takes 100 us while it keeps everything else
# from running. With 200 streams of speech, each with metrics five times a second, that was 5 % of
# the server's processor time.
_SECONDS: Final = 0.1


class PeakMemory:
    """The peak resident memory of this process; read now and then, for all sessions together."""

    def __init__(self) -> None:
        self._bytes = 0
        self._until = 0.0

    def read(self) -> int:
        """Return it in bytes, as of a tenth of a second ago at most."""
        now = time.perf_counter()
        if now > self._until:
            self._until = now + _SECONDS
            self._bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
        return self._bytes
