"""The log during a block: of the runtime, of its libraries, and what native nodes print."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from ..config import Log
from ..errors import printable_lines, text_of
from .flood_limit import FloodLimit
from .formats import FORMATTERS
from .node_records import log_output
from .origin import Origin, current_origin
from .writer import LogWriter

_OWN: Final = ("millrace", "runtime")
_OF_RUNTIME: Final = ("millrace.", "runtime.")
_OF_NODES: Final = "millrace.node."
_PRINTED: Final = "millrace.output"
_MOST_LINE_CHARACTERS: Final = 64 * 1024


class _LogHandler(logging.Handler):
    """Formats records, and leaves out those of a node that logs too many."""

    def __init__(self, settings: Log) -> None:
        super().__init__(settings.level.upper())  # also for a logger that has its own level
        self.setFormatter(FORMATTERS[settings.format]())
        self._flood_limit = FloodLimit()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        try:
            origin = current_origin()
            if origin.node and not hasattr(record, "session"):
                record.session, record.node = origin
            for each in self._flood_limit.ended():
                self.write(self.format(each) + "\n")
            if not self._admits(record):
                self.note_left_out()
                return
            self.write(self.format(record) + "\n")
        except OSError:  # of the stream: it is where the error would be reported
            return
        except Exception as error:  # noqa: BLE001 (of a node's text or arguments)
            self.write(self.format(_unformattable(record, error)) + "\n")

    def _admits(self, record: logging.LogRecord) -> bool:
        if _is_of_runtime(record):
            # Errors are few, and each may be another fault.
            is_error = record.levelno >= logging.ERROR
            return is_error or self._flood_limit.admit(record, "", "", str(record.msg))
        session, node = getattr(record, "session", ""), getattr(record, "node", "")
        return self._flood_limit.admit(record, session, node)

    def write(self, entry: str) -> None:
        """Write an entry."""
        raise NotImplementedError

    def note_left_out(self) -> None:
        """Note that the flood limit has something to report, later."""

    def write_left_out(self, *, all_of_it: bool = False) -> float | None:
        """Report what was left out; return the seconds until there may be more; None: never."""
        with self._lock_held():
            for each in self._flood_limit.ended(all_of_them=all_of_it):
                self.write(self.format(each) + "\n")
            return self._flood_limit.seconds_to_next()

    @contextmanager
    def _lock_held(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


class _DirectHandler(_LogHandler):
    """Writes entries to a stream in memory."""

    def __init__(self, settings: Log, stream: TextIO) -> None:
        super().__init__(settings)
        self._stream = stream

    def write(self, entry: str) -> None:
        """Write an entry."""
        self._stream.write(entry)

    def close(self) -> None:
        """Report what was left out."""
        self.write_left_out(all_of_it=True)
        super().close()


class _QueueHandler(_LogHandler):
    """Gives entries to a `LogWriter`, which it owns."""

    def __init__(self, settings: Log, descriptor: int) -> None:
        super().__init__(settings)
        self._writer = LogWriter(descriptor, self._lost_entry, self.write_left_out)

    def write(self, entry: str) -> None:
        """Write an entry as soon as possible; it may get lost."""
        self._writer.put(entry)

    def note_left_out(self) -> None:
        """Let the writer's thread report it when a second is over."""
        self._writer.wake()

    def close(self) -> None:
        """Report what was left out, and write what waits, as far as that is possible."""
        self.write_left_out(all_of_it=True)
        self._writer.close()
        super().close()

    def _lost_entry(self, count: int) -> str:
        record = logging.makeLogRecord(
            {
                "name": "millrace.log",
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": "log entries were lost: standard error was not read in time",
                "lost": count,
            }
        )
        return self.format(record) + "\n"


class LogOutput:
    """Where the log is written, for text that is no entry of it."""

    def __init__(self, handler: _LogHandler) -> None:
        self._handler = handler

    def announce(self, line: str) -> None:
        """Write a line for the person who has started the server."""
        self._handler.write(printable_lines(line) + "\n")


class _PrintedLines:
    """Replaces `sys.stdout` or `sys.stderr`: each line becomes a record of the node that prints it.

    Printing to the stream itself would block the event loop where nobody reads it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._pending = ""
        self._origin = Origin()
        self._here = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Return False: no escape sequences."""
        return False

    def write(self, text: str) -> int:
        """Log the lines of a text."""
        origin = current_origin()
        unfinished = None
        with self._lock:
            if origin is self._origin:
                # `print` writes a line and its end in two calls.
                if "\n" not in text and len(self._pending) < _MOST_LINE_CHARACTERS:
                    self._pending += text
                    return len(text)
            else:
                unfinished, self._pending = (self._origin, self._pending), ""
                self._origin = origin
            *lines, self._pending = (self._pending + text).split("\n")
            if len(self._pending) > _MOST_LINE_CHARACTERS:
                lines.append(self._pending)
                self._pending = ""
        # Not under the lock: a handler, which has a lock too, may print.
        if unfinished is not None:
            self._log(*unfinished)
        for line in lines:
            self._log(origin, line)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Log the lines of some texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: an unfinished line stays until its end."""

    def close(self) -> None:
        """Log the unfinished line; the stream itself stays open."""
        with self._lock:
            line, self._pending = self._pending, ""
        self._log(self._origin, line)

    def _log(self, origin: Origin, line: str) -> None:
        # What a handler prints must not be logged for ever.
        line = line.rstrip()
        if not line or getattr(self._here, "is_logging", False):
            return
        self._here.is_logging = True
        try:
            session, node = origin
            name = _OF_NODES + node if node else _PRINTED
            log_output(logging.getLogger(name), line, session=session, node=node)
        finally:
            self._here.is_logging = False


@contextmanager
def log_written(settings: Log, stream: TextIO) -> Iterator[LogOutput]:
    """Write what the runtime and the nodes log to a stream, during the block.

    A stream with a file descriptor is written by a thread of its own, and what is printed in this
    process meanwhile becomes part of the log.
    """
    descriptor = _descriptor_of(stream)
    if descriptor is None:
        with _attached(_DirectHandler(settings, stream), settings) as output:
            yield output
        return
    stream.flush()
    with _attached(_QueueHandler(settings, descriptor), settings) as output, _printing_logged():
        yield output


@contextmanager
def _attached(handler: _LogHandler, settings: Log) -> Iterator[LogOutput]:
    loggers = [logging.getLogger(name) for name in _OWN]
    levels = [logger.level for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(settings.level.upper())
    try:
        yield LogOutput(handler)
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        handler.close()


@contextmanager
def _printing_logged() -> Iterator[None]:
    streams = sys.stdout, sys.stderr
    printed = _PrintedLines(streams[0]), _PrintedLines(streams[1])
    sys.stdout, sys.stderr = printed
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for each in printed:
            each.close()


def _unformattable(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """Return a record for one whose text cannot be made: a fault of whoever has logged it."""
    return logging.makeLogRecord(
        {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "msg": "an entry cannot be formatted: %s: %s",
            "args": (type(error).__name__, text_of(error)),
            "session": getattr(record, "session", ""),
            "node": getattr(record, "node", ""),
        }
    )


def _is_of_runtime(record: logging.LogRecord) -> bool:
    is_of_node = record.name.startswith((_OF_NODES, _PRINTED))
    return record.name.startswith(_OF_RUNTIME) and not is_of_node


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError):  # in memory
        return None
