"""The sessions that have ended lately, for the operator."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Protocol, Self

from ..errors import encodable, shortened
from ..plan import Plan
from .ending import Ending, EndReason

_MOST_SECONDS: Final = 3600.0
_MOST_ENDINGS: Final = 1000
_MOST_BYTES: Final = 1024 * 1024
_MOST_CHARACTERS: Final = 1024
# An object with its numbers, and the objects of its texts: about 900 bytes in Python 3.11.
_FIXED_BYTES: Final = 900


_COUNTS: Final = (
    *("items_in", "items_out", "dropped", "bytes_in", "bytes_out"),
    "peak_memory_bytes",
)


class SessionFacts(Protocol):
    """What the record of a session takes from it."""

    id: str
    plan: Plan
    peer: str
    token_name: str
    opened_at: float


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that has ended. Texts are cut to 1024 characters.

    Attributes:
        session_id: of the session.
        pipeline: the name in its manifest.
        peer: the address of its client; empty for none.
        token_name: the operator's label of the client's token; empty for none.
        opened_at, ended_at: in seconds since 1970.
        ending: how and why.
        items_in: chunks that entered.
        items_out: results that left.
        dropped: items that full links dropped.
        bytes_in, bytes_out: the payloads of those chunks and results.
        peak_memory_bytes: the sum of the peaks of its node processes.
    """

    session_id: str
    pipeline: str
    peer: str
    token_name: str
    opened_at: float
    ended_at: float
    ending: Ending
    items_in: int
    items_out: int
    dropped: int
    bytes_in: int
    bytes_out: int
    peak_memory_bytes: int

    @classmethod
    def of(cls, session: "SessionFacts", ending: Ending, counts: Mapping[str, int]) -> Self:
        """Return the record of a session that ends now.

        Args:
            session: the session.
            ending: how and why.
            counts: `items_in`, `items_out`, `dropped`, `bytes_in`, `bytes_out` and
                `peak_memory_bytes`.
        """
        return cls(
            session_id=session.id,
            pipeline=_cut(session.plan.manifest.metadata.name),
            peer=_cut(session.peer),
            token_name=_cut(session.token_name),
            opened_at=session.opened_at,
            ended_at=time.time(),
            ending=replace(ending, node_id=_cut(ending.node_id), detail=_cut(ending.detail)),
            **counts,
        )

    @classmethod
    def opened(cls, session: "SessionFacts") -> Self:
        """Return what is known of a session that has begun: how it ends if its process does."""
        unknown = Ending("failed", EndReason.WORKER_EXIT, detail="the worker that ran it has ended")
        return cls.of(session, unknown, dict.fromkeys(_COUNTS, 0))

    @property
    def size_bytes(self) -> int:
        """The memory that it takes, roughly; a character takes up to 4 bytes."""
        texts = (
            *(getattr(self, field.name) for field in fields(self)),
            self.ending.node_id,
            self.ending.detail,
        )
        return _FIXED_BYTES + sum(
            len(text) * (1 if text.isascii() else 4) for text in texts if isinstance(text, str)
        )


@dataclass(frozen=True, slots=True)
class NumberedEnding:
    """An ended session with its number: they count from 1 since the runtime was opened."""

    number: int
    session: EndedSession
    at: float
    size_bytes: int


class RecentEndings:
    """Keeps the sessions that ended last, within bounds of age, number and memory.

    Attributes:
        last_number: how many have ended so far.

    Args:
        most_seconds: the greatest age.
        most: the greatest number.
        most_bytes: the most memory, roughly.
        clock: the time in seconds, of a clock that is never set.
    """

    def __init__(
        self,
        *,
        most_seconds: float = _MOST_SECONDS,
        most: int = _MOST_ENDINGS,
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last_number = 0
        self._most_seconds = most_seconds
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock
        self._endings: deque[NumberedEnding] = deque()
        self._bytes = 0

    def begin(self, session: SessionFacts) -> None:
        """Note that a session has begun."""

    def add(self, session: EndedSession) -> None:
        """Add a session that has ended; the oldest go where there is no room."""
        self.last_number += 1
        ending = NumberedEnding(self.last_number, session, self._clock(), session.size_bytes)
        self._endings.append(ending)
        self._bytes += ending.size_bytes
        self._forget()

    def after(self, number: int = 0) -> list[NumberedEnding]:
        """Return those with a greater number, the oldest first."""
        self._forget()
        return [ending for ending in self._endings if ending.number > number]

    def find(self, session_id: str) -> NumberedEnding | None:
        """Return the ending of a session; None if it is not known, or not any more."""
        for ending in reversed(self._endings):
            if ending.session.session_id == session_id:
                return ending
        return None

    def _forget(self) -> None:
        oldest = self._clock() - self._most_seconds
        while self._endings and (
            len(self._endings) > self._most
            or self._bytes > self._most_bytes
            or self._endings[0].at < oldest
        ):
            self._bytes -= self._endings.popleft().size_bytes


def _cut(text: str) -> str:
    return encodable(shortened(text, _MOST_CHARACTERS))
