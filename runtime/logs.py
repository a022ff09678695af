"""The log of a server: one entry per event, for people or for machines, with session and node."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, TextIO

from .config import Log
from .errors import (
    MAX_ERROR_CHARACTERS,
    MAX_PROGRESS_CHARACTERS,
    MAX_TRACE_CHARACTERS,
    printable_entry,
    shortened,
)

Field = bool | int | float | str
"""A value that an event carries beside its text."""

# What every record has, and what has its own place in an entry.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "node",
    "session",
    "stack_trace",
    "taskName",
}
_PLAIN: Final = re.compile(r"[^\s\"'=]+")
_OWN: Final = ("millrace", "runtime")
# How the log of a node process begins a line.
_OF_A_NODE: Final = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (\S+): (.*)", re.DOTALL)


def log_output(logger: logging.Logger, line: str, *, session: str, node: str) -> None:
    """Log a line that a node process printed, at the level that it begins with, else INFO."""
    found = _OF_A_NODE.fullmatch(line)
    level, text = (logging.INFO, line) if found is None else (_number(found[1]), found[3])
    logger.log(level, "%s", text, extra={"session": session, "node": node})


class JsonFormatter(logging.Formatter):
    """One JSON object per entry: time, level, logger, session, node, event, and the event's fields.

    Empty ones are left out. JSON escapes control characters, so an entry is always one line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        fields: dict[str, Field] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "session": getattr(record, "session", ""),
            "node": getattr(record, "node", ""),
            "event": _event(record),
            **_fields(record),
            "stack_trace": _traceback(record),
        }
        return json.dumps(
            {name: value for name, value in fields.items() if value not in ("", None)}
        )


class ConsoleFormatter(logging.Formatter):
    """Time, level, session/node, the event and its fields; further lines are indented.

    Control characters are escaped, and only the first line of an entry begins with a time: text of
    a node or client can neither command the terminal nor look like an entry of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry, with the traceback below it if there is one."""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        names = (getattr(record, "session", ""), getattr(record, "node", ""))
        origin = "/".join(filter(None, names)) or record.name
        entry = f"{time} {record.levelname:<8} {origin} {_event(record)}"
        entry += "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        trace = _traceback(record)
        return printable_entry(f"{entry}\n{trace}" if trace else entry)


_FORMATTERS: Final = {"json": JsonFormatter, "console": ConsoleFormatter}


class _LogHandler(logging.StreamHandler[TextIO]):
    """Writes entries to a stream; an entry that a full disk does not take is lost."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (of logging)
        """Ignore an error of the stream: it is where the error would be reported."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


@contextmanager
def log_written(settings: Log, stream: TextIO) -> Iterator[None]:
    """Write what the runtime and the nodes log to a stream, during the block."""
    handler = _LogHandler(stream)
    handler.setLevel(settings.level.upper())  # also for a logger that has its own level
    handler.setFormatter(_FORMATTERS[settings.format]())
    loggers = [logging.getLogger(name) for name in _OWN]
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


def _fields(record: logging.LogRecord) -> dict[str, Field]:
    """Return what `extra` adds to an event, without what has its own place in an entry."""
    return {
        name: value if isinstance(value, bool | int | float) else _field_text(value)
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }


def _field_text(value: object) -> str:
    return shortened(str(value), MAX_PROGRESS_CHARACTERS)


def _quoted(value: Field) -> str:
    """Return a field's value; in quotes where it would not end at the next blank."""
    if isinstance(value, float):
        return f"{value:.3f}"
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _traceback(record: logging.LogRecord) -> str:
    """Return the traceback of an event: of the exception, or of a node in another process."""
    trace = str(getattr(record, "stack_trace", ""))
    if record.exc_info:
        trace = logging.Formatter().formatException(record.exc_info)
    return shortened(trace.rstrip(), MAX_TRACE_CHARACTERS)


def _event(record: logging.LogRecord) -> str:
    return shortened(record.getMessage(), MAX_ERROR_CHARACTERS)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level]
