"""The fields of a record: what `extra` gave it."""

import logging
from typing import Final

from ..errors import MAX_PROGRESS_CHARACTERS, shortened

Field = bool | int | float | str
"""A value that an event carries beside its text."""

OWN_NAMES: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "node",
    "session",
    "stack_trace",
    "taskName",
}
"""What every record has, and what has its own place in an entry."""

_MOST_FIELDS: Final = 64
_NAME_CHARACTERS: Final = 64
# Members of an entry that a field of the same name must not replace.
_RESERVED: Final = frozenset({"time", "level", "logger", "event"})


def fields_of(record: logging.LogRecord) -> dict[str, Field]:
    """Return what `extra` adds to an event, without what has its own place in an entry.

    A field with the name of a member of every entry gets an underscore: `level_`. Names that begin
    with an underscore are left out: libraries mark all records of a process with them (Ray:
    `_ray_timestamp_ns`).
    """
    fields: dict[str, Field] = {}
    for name, value in vars(record).items():
        if name in OWN_NAMES or name.startswith("_") or value is None:
            continue
        if len(fields) == _MOST_FIELDS:
            break
        shown = f"{name}_" if name in _RESERVED else shortened(str(name), _NAME_CHARACTERS)
        fields[shown] = value if isinstance(value, bool | int | float) else _text(value)
    return fields


def _text(value: object) -> str:
    return shortened(str(value), MAX_PROGRESS_CHARACTERS)
