"""The log of a server: one line an event, for people or for machines, with session and node."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, TextIO

from .config import Log

_OURS: Final = ("millrace", "runtime")
# How the log of a node's own process begins a line.
_OF_A_NODE: Final = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (\S+): (.*)", re.DOTALL)


def log_output(logger: logging.Logger, line: str, *, session: str, node: str) -> None:
    """Log a line that a node's process printed, at the level that it says, else INFO."""
    found = _OF_A_NODE.fullmatch(line)
    level, text = (logging.INFO, line) if found is None else (_number(found[1]), found[3])
    logger.log(level, "%s", text, extra={"session": session, "node": node})


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, session and node where there are any, event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "session": getattr(record, "session", ""),
            "node": getattr(record, "node", ""),
            "event": record.getMessage(),
        }
        if record.exc_info is not None:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in fields.items() if value})


class ConsoleFormatter(logging.Formatter):
    """Time, level, session/node, and the event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it if there is one."""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        names = (getattr(record, "session", ""), getattr(record, "node", ""))
        who = "/".join(filter(None, names)) or record.name
        line = f"{time} {record.levelname:<8} {who} {record.getMessage()}"
        if record.exc_info is not None:
            line += "\n" + self.formatException(record.exc_info)
        return line


_FORMATTERS: Final = {"json": JsonFormatter, "console": ConsoleFormatter}


@contextmanager
def log_written(settings: Log, stream: TextIO) -> Iterator[None]:
    """Write what the runtime and the nodes log to a stream, as long as the block lasts."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(settings.level.upper())  # also where a logger has a level of its own
    handler.setFormatter(_FORMATTERS[settings.format]())
    loggers = [logging.getLogger(name) for name in _OURS]
    levels = [logger.level for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(settings.level.upper())
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level]
