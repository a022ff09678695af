"""Writes a log to a file descriptor from a thread of its own."""

import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

# A burst of all nodes: about 5,000 entries of 200 bytes.
QUEUE_BYTES: Final = 1024 * 1024
"""Bytes of entries that may wait to be written; further entries are lost, and counted."""

_CLOSE_SECONDS: Final = 1.0
# A pipe that poll() reports as writable takes PIPE_BUF bytes without blocking; a file takes all.
_FILE_BYTES: Final = 64 * 1024


class _Entry(NamedTuple):
    """Text to write, and how many entries are lost if it is not written."""

    data: bytes
    stands_for: int = 1


class LogWriter:
    """A bounded queue of entries, and the thread that writes them. `close` ends the thread.

    `put` never waits. A descriptor that takes nothing, such as a pipe that nobody reads, fills the
    queue. Then entries are lost until half of the queue is free, and one entry tells how many were.
    The descriptor is not made non-blocking: other processes have the same open file.
    """

    def __init__(
        self,
        descriptor: int,
        lost_entry: Callable[[int], str],
        on_idle: Callable[[], float | None],
    ) -> None:
        """Start the thread.

        Args:
            descriptor: to write to; it stays open.
            lost_entry: returns the entry that tells how many were lost.
            on_idle: called in the thread when everything is written; it may put entries. Returns
                the seconds until it is to be called again; None: not before the next `wake`.
        """
        self._descriptor = descriptor
        self._lost_entry = lost_entry
        self._on_idle = on_idle
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._at_once_bytes = _FILE_BYTES if is_file else select.PIPE_BUF
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._lost = 0
        self._is_awake = False
        self._has_failed = False
        self._close_at: float | None = None
        self._changed = threading.Condition()
        self._closing = os.eventfd(0)
        # A write to a terminal that is held with Ctrl-S blocks: it must not keep the process.
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def put(self, entry: str) -> None:
        """Write an entry, with its newline, as soon as possible."""
        data = entry.encode(errors="backslashreplace")
        with self._changed:
            room = QUEUE_BYTES // 2 if self._lost else QUEUE_BYTES
            if self._bytes + len(data) > room:
                self._lost += 1
                return
            self._add_lost()
            self._add(_Entry(data))
            self._has_failed = False
            self._changed.notify()

    def wake(self) -> None:
        """Let `on_idle` be called again."""
        with self._changed:
            self._is_awake = True
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, as far as the descriptor takes it within a second, and end."""
        with self._changed:
            self._close_at = time.monotonic() + _CLOSE_SECONDS
            self._changed.notify()
        os.eventfd_write(self._closing, 1)
        self._thread.join(2 * _CLOSE_SECONDS)
        if not self._thread.is_alive():
            os.close(self._closing)

    def _run(self) -> None:
        while True:
            entries = self._take()
            if entries:
                if not self._write(b"".join(each.data for each in entries)):
                    self._note_lost(sum(each.stands_for for each in entries))
                if self._is_over():
                    return
                continue
            again = self._on_idle()
            with self._changed:
                if self._entries:
                    continue
                if self._close_at is not None:
                    return
                if not self._is_awake:
                    self._changed.wait(again)
                self._is_awake = False

    def _take(self) -> list[_Entry]:
        """Return the entries of the next write; after the last one, that of what was lost."""
        with self._changed:
            # Where the last write has failed, another one follows the next entry only.
            if not self._entries and not self._has_failed:
                self._add_lost()
            taken: list[_Entry] = []
            size = 0
            while self._entries:
                size += len(self._entries[0].data)
                if taken and size > self._at_once_bytes:
                    break
                taken.append(self._entries.popleft())
                self._bytes -= len(taken[-1].data)
            return taken

    def _write(self, data: bytes) -> bool:
        """Write text; return whether all of it was written."""
        rest = memoryview(data)
        while rest:
            if not self._wait_writable():
                return False
            try:
                rest = rest[os.write(self._descriptor, rest[: self._at_once_bytes]) :]
            except BlockingIOError:  # another process has made it non-blocking, and fills it too
                continue
            except OSError:  # a full disk, or a pipe whose reader has gone
                return False
        return True

    def _wait_writable(self) -> bool:
        """Wait until a write does not block; return False if that takes until the end."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if self._close_at is None:
            poll.register(self._closing, select.POLLIN)
            if self._descriptor in dict(poll.poll()):
                return True
            poll.unregister(self._closing)
        assert self._close_at is not None
        left = self._close_at - time.monotonic()
        return bool(poll.poll(max(left, 0.0) * 1000))

    def _is_over(self) -> bool:
        return self._close_at is not None and time.monotonic() > self._close_at

    def _note_lost(self, count: int) -> None:
        with self._changed:
            self._lost += count
            self._has_failed = True

    def _add_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._add(_Entry(self._lost_entry(lost).encode(), lost))

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._bytes += len(entry.data)
