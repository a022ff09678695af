"""The records that a node process logs, as lines of its output.

Standard error carries them, and not the control socket: they come in order with what is printed,
from every thread, and also right before a crash. A line with a record begins with a mark that only
the server and the process know, so no text that a node prints for a client can pass for one.
"""

import itertools
import logging
import math
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from ...errors import encodable, shortened, text_of

Field = bool | int | float | str

_MESSAGE_CHARACTERS: Final = 8000
_TRACE_CHARACTERS: Final = 24_000
_FIELD_CHARACTERS: Final = 500
_MOST_FIELDS: Final = 32
_NAME_CHARACTERS: Final = 64
# The server takes a line of 64 KiB as one. A longer record is cut to these; a character needs up to
# 6 bytes.
_LINE_BYTES: Final = 60 * 1024
_CUT_MESSAGE_CHARACTERS: Final = 3000
_CUT_TRACE_CHARACTERS: Final = 5000

_LEAST_NUMBER: Final = -(2**63)
_MOST_NUMBER: Final = 2**63 - 1

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}


class NodeRecord(msgspec.Struct, frozen=True):
    """A record of a node process.

    Attributes:
        level: the number of the level.
        logger: the name of the logger.
        message: the event.
        stack_trace: the traceback of its exception; empty for none.
        fields: what `extra` gave it.
    """

    level: int
    logger: str
    message: str
    stack_trace: str = ""
    fields: dict[str, Field] = {}

    @property
    def text(self) -> str:
        """The record as a line of text, for the last lines of a process that crashes."""
        text = f"{logging.getLevelName(self.level)} {self.logger}: {self.message}"
        return f"{text}\n{self.stack_trace}" if self.stack_trace else text


_decoder: Final = msgspec.json.Decoder(NodeRecord)


@dataclass(frozen=True, slots=True)
class RecordMark:
    """What begins the lines that are records.

    Attributes:
        text: for the process's NodeSpec.
    """

    text: str
    _prefix: bytes

    @classmethod
    def new(cls) -> Self:
        """Return a mark for a new process."""
        return cls.of(secrets.token_hex(8))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the mark with this text."""
        return cls(text, f"\x1e{text} ".encode())

    def line_of(self, record: NodeRecord) -> bytes:
        """Return the line of a record. It begins with a newline, to end what was printed before."""
        return b"\n" + self._prefix + msgspec.json.encode(record) + b"\n"

    def record_of(self, line: bytes) -> NodeRecord | None:
        """Return the record of a line; None if it is another line."""
        if not line.startswith(self._prefix):
            return None
        try:
            return _decoder.decode(line[len(self._prefix) :])
        except msgspec.MsgspecError:  # another thread has printed into it
            return None


class _ServerHandler(logging.Handler):
    """Makes records for the server."""

    def __init__(self, write: Callable[[NodeRecord], None]) -> None:
        super().__init__()
        self._write = write
        self._here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a reader that is gone ends this process in another way."""
        if getattr(self._here, "is_emitting", False):
            return  # the text of an argument logs
        self._here.is_emitting = True
        try:
            self._write(_record_of(record))
        except OSError:
            return
        finally:
            self._here.is_emitting = False


def log_to_server(level: int, mark: str) -> None:
    """Let the records of this process become records of the server's log.

    Args:
        level: the lowest level that the server's log takes.
        mark: of the process's spec.
    """
    record_mark = RecordMark.of(mark)

    def write(record: NodeRecord) -> None:
        line = record_mark.line_of(record)
        if len(line) > _LINE_BYTES:
            line = record_mark.line_of(_cut(record))
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(2, rest) :]

    _log_to(write, level)


@contextmanager
def logging_through(write: Callable[[NodeRecord], None], level: int) -> Iterator[None]:
    """Pass the records of this process to `write`, from any thread, as long as the block lasts.

    Args:
        write: takes a record.
        level: the lowest level that the server's log takes.
    """
    handler = _log_to(write, level)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _log_to(write: Callable[[NodeRecord], None], level: int) -> logging.Handler:
    root, handler = logging.getLogger(), _ServerHandler(write)
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def _record_of(record: logging.LogRecord) -> NodeRecord:
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001 (of the arguments)
        message = f"an entry cannot be formatted: {type(error).__name__}: {text_of(error)}"
    trace = ""
    if record.exc_info:
        trace = logging.Formatter().formatException(record.exc_info)
    return NodeRecord(
        record.levelno,
        encodable(shortened(record.name, _FIELD_CHARACTERS)),
        encodable(shortened(message, _MESSAGE_CHARACTERS)),
        encodable(shortened(trace, _TRACE_CHARACTERS)),
        _fields_of(record),
    )


def bounded(record: NodeRecord) -> NodeRecord:
    """Return a record within the bounds of its source, which is not trusted."""
    return msgspec.structs.replace(
        record,
        logger=encodable(shortened(record.logger, _FIELD_CHARACTERS)),
        message=encodable(shortened(record.message, _MESSAGE_CHARACTERS)),
        stack_trace=encodable(shortened(record.stack_trace, _TRACE_CHARACTERS)),
        fields={
            encodable(shortened(name, _NAME_CHARACTERS)): _field(value)
            for name, value in itertools.islice(record.fields.items(), _MOST_FIELDS)
        },
    )


def _cut(record: NodeRecord) -> NodeRecord:
    return msgspec.structs.replace(
        record,
        message=shortened(record.message, _CUT_MESSAGE_CHARACTERS),
        stack_trace=shortened(record.stack_trace, _CUT_TRACE_CHARACTERS),
        fields={},
    )


def _fields_of(record: logging.LogRecord) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, value in vars(record).items():
        if name in _STANDARD or value is None or len(fields) == _MOST_FIELDS:
            continue
        fields[encodable(shortened(str(name), _NAME_CHARACTERS))] = _field(value)
    return fields


def _field(value: object) -> Field:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and _LEAST_NUMBER <= value <= _MOST_NUMBER:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 (`__str__` is its author's code)
        text = f"(its text is unknown: str() raised {type(error).__name__})"
    return encodable(shortened(text, _FIELD_CHARACTERS))
