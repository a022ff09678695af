"""The last log lines of each session, within bounds."""

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ..errors import shortened

_LINES_PER_SESSION: Final = 200
_SESSIONS: Final = 200
_MOST_BYTES: Final = 8 * 1024 * 1024
_MOST_CHARACTERS: Final = 1000
_MOST_TRACE_CHARACTERS: Final = 4000
# A line with its numbers and the objects of its texts, in Python 3.11.
_FIXED_BYTES: Final = 400


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of the log.

    Attributes:
        number: counts the entries of all sessions.
        time_ms: in milliseconds since 1970.
    """

    number: int
    time_ms: int
    level: str
    node: str
    text: str

    @property
    def size_bytes(self) -> int:
        """The memory that it takes, roughly; a character takes up to 4 bytes."""
        return _FIXED_BYTES + len(self.text) * (1 if self.text.isascii() else 4)


class LogLines(logging.Handler):
    """Keeps the last 200 lines of each of the last 200 sessions that have logged, within 8 MiB."""

    def __init__(self) -> None:
        super().__init__()
        self._last_number = 0
        self._bytes = 0
        self._sessions: OrderedDict[str, deque[LogLine]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that belongs to a session."""
        session = getattr(record, "session", "")
        if not isinstance(session, str) or not session:
            return
        self._last_number += 1
        line = LogLine(
            self._last_number,
            round(1000 * record.created),
            record.levelname.lower(),
            shortened(str(getattr(record, "node", "")), _MOST_CHARACTERS),
            _text(record),
        )
        lines = self._sessions.setdefault(session, deque())
        self._sessions.move_to_end(session)
        lines.append(line)
        self._bytes += line.size_bytes
        if len(lines) > _LINES_PER_SESSION:
            self._bytes -= lines.popleft().size_bytes
        while len(self._sessions) > _SESSIONS or self._bytes > _MOST_BYTES:
            _, oldest = self._sessions.popitem(last=False)
            self._bytes -= sum(each.size_bytes for each in oldest)

    def after(self, session_id: str, number: int) -> list[LogLine]:
        """Return the lines of a session with a greater number, the oldest first."""
        with self._lock_held():
            lines = list(self._sessions.get(session_id, ()))
        return [line for line in lines if line.number > number]

    @contextmanager
    def _lock_held(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


@contextmanager
def log_lines_kept() -> Iterator[LogLines]:
    """Keep the log lines of sessions during the block."""
    lines = LogLines()
    logging.getLogger().addHandler(lines)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(lines)
        lines.close()


def _text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 (of a node's arguments)
        text = str(record.msg)
    reasons: list[Any] = [getattr(record, name, None) for name in ("outcome", "error", "reason")]
    text = " ".join([text, *(str(each) for each in reasons if each)])
    trace = str(getattr(record, "stack_trace", "") or "").rstrip()
    text = shortened(text, _MOST_CHARACTERS)
    return f"{text}\n{shortened(trace, _MOST_TRACE_CHARACTERS)}" if trace else text
