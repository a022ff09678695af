"""What node processes print and log, as records of the server's log."""

import logging
from collections.abc import Mapping
from typing import Final

from .fields import OWN_NAMES, Field

_OWN: Final = ("millrace", "runtime")
_LEVELS: Final = range(logging.DEBUG, logging.CRITICAL + 1)


def log_output(logger: logging.Logger, line: str, *, session: str, node: str) -> None:
    """Log a line that a node has printed."""
    if logger.isEnabledFor(logging.INFO):
        own = {"session": session, "node": node}
        # `logger.info` looks for the caller's place in the source, which takes twice the time.
        logger.handle(
            logger.makeRecord(logger.name, logging.INFO, "", 0, "%s", (line,), None, extra=own)
        )


def log_record(
    logger: logging.Logger,
    level: int,
    message: str,
    *,
    session: str,
    node: str,
    name: str = "",
    stack_trace: str = "",
    fields: Mapping[str, Field] | None = None,
) -> None:
    """Log a record of a node process at its level, with its fields.

    Args:
        logger: of the node.
        level: of the record; one outside of DEBUG to CRITICAL is INFO.
        message: the event.
        session: the session's id; no field of the record replaces it.
        node: the node's id; likewise.
        name: the logger of the record in the process; empty, or one of ours, for the node's own.
        stack_trace: the traceback of its exception; empty for none.
        fields: what `extra` gave it.
    """
    level = level if level in _LEVELS else logging.INFO
    if not logger.isEnabledFor(level):
        return
    own = {"session": session, "node": node, "stack_trace": stack_trace}
    record = logger.makeRecord(logger.name, level, "", 0, "%s", (message,), None, extra=own)
    if name and not name.startswith(_OWN):
        # The logger itself would stay in this process for ever. Our own names are not a node's.
        record.name = name
    for key, value in (fields or {}).items():
        if key not in OWN_NAMES:
            setattr(record, key, value)
    logger.handle(record)
