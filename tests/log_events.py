"""Log lines that a test waits for."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class LogEvents(logging.Handler):
    """Lets a test wait for log lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self, text: str) -> str:
        with trio.fail_after(60):
            while True:
                for line in self.lines:
                    if text in line:
                        self.lines.remove(line)
                        return line
                await self._changed.wait()


@contextmanager
def log_events(name: str) -> Iterator[LogEvents]:
    """Take the lines of a logger, from INFO on."""
    events = LogEvents()
    logger = logging.getLogger(name)
    level = logger.level
    logger.addHandler(events)
    logger.setLevel(logging.INFO)
    try:
        yield events
    finally:
        logger.removeHandler(events)
        logger.setLevel(level)
