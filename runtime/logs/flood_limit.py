"""Limits how many entries of one node are written in a second; the further ones are counted."""

import logging
import time
from dataclasses import dataclass
from typing import Final

ENTRIES_PER_SECOND: Final = 200
"""Entries of one node and session that are written in a second: of warnings, and of all others.
As many are written of one event of the runtime, for all sessions together: a client that is refused
thousands of times hides nothing else.

The log of a model that loads has about a hundred lines; a person reads a few a second. To make and
write an entry takes the event loop 25 us (2026-11-27, 2 cores, under load): 200 are 0.5 % of its
time. 50,000 lines of a node would take more than a second of it.
"""

_WINDOW_SECONDS: Final = 1.0

Key = tuple[str, str, bool]


@dataclass(slots=True)
class _Window:
    began: float
    event: str
    last: logging.LogRecord
    admitted: int = 0
    left_out: int = 0


class FloodLimit:
    """Admits the entries of a log."""

    def __init__(self) -> None:
        self._windows: dict[Key, _Window] = {}

    def admit(self, record: logging.LogRecord, session: str, node: str, event: str = "") -> bool:
        """Return whether to write a record.

        Args:
            record: of a node, a library or the runtime.
            session: of the node; empty for another record.
            node: that the record is of; empty for a library or the runtime.
            event: the text of an event of the runtime; empty for another record.
        """
        key = (session, event or node or record.name, record.levelno >= logging.WARNING)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(time.monotonic(), event, record)
        if window.admitted < ENTRIES_PER_SECOND:
            window.admitted += 1
            return True
        window.left_out += 1
        window.last = record
        return False

    def ended(self, *, all_of_them: bool = False) -> list[logging.LogRecord]:
        """Forget the windows that are over; return a record for each that left entries out."""
        over = time.monotonic() - _WINDOW_SECONDS
        ended: list[_Window] = []
        while self._windows:
            key = next(iter(self._windows))  # a dict keeps the order of their beginning
            if self._windows[key].began > over and not all_of_them:
                break
            ended.append(self._windows.pop(key))
        return [_summary(each) for each in ended if each.left_out]

    def seconds_to_next(self) -> float | None:
        """Return the time until a window is over; None if there is none."""
        if not self._windows:
            return None
        first = next(iter(self._windows.values()))
        return max(first.began + _WINDOW_SECONDS - time.monotonic(), 0.0)


def _summary(window: _Window) -> logging.LogRecord:
    last = window.last
    own = {"session": getattr(last, "session", ""), "node": getattr(last, "node", "")}
    return logging.makeLogRecord(
        {
            "name": last.name,
            "levelno": last.levelno,
            "levelname": last.levelname,
            "msg": "more entries than %d in a second were left out",
            "args": (ENTRIES_PER_SECOND,),
            **({"of": window.event} if window.event else own),
            "left_out": window.left_out,
        }
    )
