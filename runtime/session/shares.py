"""What the runtimes of several processes share, and how their sessions are told apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from ..config import MOST_WORKERS
from .capacity import Capacity
from .recent_endings import RecentEndings


@dataclass(frozen=True, slots=True)
class Shares:
    """What one of several runtimes shares with the others.

    Attributes:
        worker: the number of this one, from 0.
        capacity: admits sessions within the limits of all of them together.
        endings: has the ended sessions of all of them.
    """

    worker: int
    capacity: Capacity
    endings: RecentEndings

    @staticmethod
    def numbers(shares: "Shares | None") -> Iterator[int]:
        """Return the numbers of a runtime's sessions, which are part of their ids."""
        return count(1) if shares is None else count(MOST_WORKERS + shares.worker, MOST_WORKERS)


def worker_of(session_id: str) -> int | None:
    """Return the number of the worker that has opened a session; None if it is no session's id.

    >>> worker_of("1f-0123abcd-130-0123456789abcdef")
    2
    """
    number = session_id.split("-")[-2:-1]
    if not number or not (number[0].isascii() and number[0].isdigit() and len(number[0]) < 20):
        return None
    return int(number[0]) % MOST_WORKERS
