"""The forms of an entry: for people, and JSON for machines."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ..errors import (
    MAX_ERROR_CHARACTERS,
    MAX_TRACE_CHARACTERS,
    printable_entry,
    shortened,
)
from .fields import Field, fields_of

_PLAIN: Final = re.compile(r"[^\s\"'=]+")


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
            **fields_of(record),
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
        entry += "".join(f" {name}={_quoted(value)}" for name, value in fields_of(record).items())
        trace = _traceback(record)
        return printable_entry(f"{entry}\n{trace}" if trace else entry)


FORMATTERS: Final[Mapping[str, type[logging.Formatter]]] = {
    "json": JsonFormatter,
    "console": ConsoleFormatter,
}
"""The formatter of each `log.format`."""


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
