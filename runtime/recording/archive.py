"""Recordings that a server keeps of its sessions, as runtime.toml configures them."""

import fcntl
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import trio

from ..config import RecordingSettings
from ..session import Session
from .errors import RecordingError
from .recorder import RecordingLimits, record

_SUFFIX: Final = ".mcap"

_log = logging.getLogger("millrace.recording")


@asynccontextmanager
async def archived(session: Session, settings: RecordingSettings) -> AsyncIterator[None]:
    """Record a session into the operator's folder while the block lasts, if there is one.

    A recording that fails is logged. It never ends the session.

    Args:
        session: the session.
        settings: [recording] of runtime.toml.
    """
    if settings.folder is None:
        yield
        return
    folder = Path(settings.folder)
    limits = RecordingLimits(settings.max_bytes, settings.max_seconds)
    nodes = None if settings.all_nodes else ()
    path = folder / f"{session.id}{_SUFFIX}"
    report = partial(_report, session_id=session.id)
    recording = record(session, path, nodes=nodes, limits=limits, on_error=report)
    is_open = False
    try:
        await trio.to_thread.run_sync(remove_oldest, folder, settings.keep_bytes)
        await recording.__aenter__()
        is_open = True
    except (RecordingError, OSError) as error:
        report(error)
    if not is_open:
        yield
        return
    # Not an AsyncExitStack: its frame and the error that it raises refer to each other, so that
    # only the cyclic collector would free the items of a session that was cancelled.
    try:
        yield
    except BaseException as error:  # noqa: ASYNC103 (`record` keeps no error)
        # The recording shields its own end, with a deadline.
        if not await recording.__aexit__(type(error), error, error.__traceback__):  # noqa: ASYNC102
            raise
    else:
        await recording.__aexit__(None, None, None)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(_tidy, folder, settings.keep_bytes)


def remove_oldest(folder: Path, keep_bytes: int) -> None:
    """Remove the oldest recordings until the others take at most so many bytes; 0 keeps all.

    One that is still being written stays.

    Raises:
        OSError: the folder cannot be read.
    """
    if not keep_bytes:
        return
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(FileNotFoundError):  # another session has just removed it
            found.append((path.stat(), path))
    found.sort(key=lambda each: each[0].st_mtime_ns)
    total = sum(status.st_size for status, _ in found)
    for status, path in found:
        if total <= keep_bytes:
            return
        if not _is_being_written(path):
            path.unlink(missing_ok=True)
            total -= status.st_size


def _is_being_written(path: Path) -> bool:
    """Return whether a writer holds the lock of a recording; see `RecordingWriter`."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:  # another session has just removed it
        pass
    return False


def _tidy(folder: Path, keep_bytes: int) -> None:
    try:
        remove_oldest(folder, keep_bytes)
    except OSError as error:
        _report(error)


def _report(error: Exception, session_id: str = "") -> None:
    session = {"session": session_id} if session_id else {}
    _log.warning("session not recorded", extra={"reason": str(error), **session})
