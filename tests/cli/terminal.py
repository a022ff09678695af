"""A terminal of a chosen width in which a command runs."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .commands import command, environment

_SECONDS = 30.0
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A line of a full screen: where it begins, and its text up to the next.
_LINE = re.compile(r"\x1b\[(\d+);\d+H((?:(?!\x1b\[\d+;\d+H).)*)", re.DOTALL)


@dataclass(frozen=True)
class Screen:
    """What a command wrote to its terminal.

    Attributes:
        raw: every character.
        text: without the sequences that colour and move.
    """

    status: int
    raw: str

    @property
    def text(self) -> str:
        return _SEQUENCE.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def run_in_terminal(
    *arguments: str | Path, folder: Path, columns: int = 80, typed: bytes = b""
) -> Screen:
    """Run `millrace` in a terminal to its end.

    Args:
        arguments: of the command.
        folder: where it runs.
        columns: the width of the terminal.
        typed: what the user types; end the input with Ctrl-D, `b"\\x04"`.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = {**environment(), "TERM": "xterm-256color", "FORCE_COLOR": "1"}
    variables.pop("COLUMNS", None)
    os.write(ours, typed)
    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            raw = _read_all(ours)
        finally:
            process.kill()
    os.close(ours)
    return Screen(process.returncode, raw.decode().replace("\r\n", "\n"))


class Terminal:
    """A terminal in which a command with a full screen runs; a context manager.

    Attributes:
        raw: everything that the command has written.

    Args:
        arguments: of the command.
        folder: where it runs.
        columns: the width.
        rows: the height.
    """

    def __init__(
        self, *arguments: str | Path, folder: Path, columns: int = 80, rows: int = 24
    ) -> None:
        self.raw = ""
        self._ours, self._theirs = pty.openpty()
        self.resize(columns, rows)
        variables = {**environment(), "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            variables.pop(name, None)
        self._state = termios.tcgetattr(self._theirs)
        self._process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=variables,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            preexec_fn=_take_terminal,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a user who drags the window does."""
        self._rows = rows
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def wait_for(self, *texts: str, meanwhile: Callable[[], object] = lambda: None) -> str:
        """Wait until the screen has these texts, and return it.

        Args:
            texts: to wait for.
            meanwhile: is called before each change of the screen.
        """
        end = time.monotonic() + _SECONDS
        while not all(text in self.screen for text in texts):
            assert time.monotonic() < end, f"{texts} not in\n{self.screen}"
            meanwhile()
            self._read()
        return self.screen

    def wait_end(self) -> int:
        """Wait until the command has ended; return its status."""
        while self._process.poll() is None or self._is_readable(0):
            self._read()
        return self._process.returncode

    @property
    def screen(self) -> str:
        """What is on the screen, in lines."""
        lines: dict[int, str] = {}
        for found in _LINE.finditer(self.raw):
            lines[int(found[1])] = _SEQUENCE.sub("", found[2])
        return "\n".join(lines.get(row, "").rstrip() for row in range(1, self._rows + 1))

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was before the command."""
        return (
            termios.tcgetattr(self._theirs) == self._state
            and self.raw.rindex("\x1b[?1049l") > self.raw.rindex("\x1b[?1049h")
            and self.raw.rindex("\x1b[?25h") > self.raw.rindex("\x1b[?25l")
        )

    def _read(self) -> None:
        if self._process.poll() is not None and not self._is_readable(0):
            raise AssertionError(f"it has ended\n{self.screen}\n{self.raw[-2000:]}")
        ends = os.pidfd_open(self._process.pid) if self._process.poll() is None else -1
        try:
            waits = [self._ours, *([ends] if ends >= 0 else [])]
            assert select.select(waits, [], [], _SECONDS)[0], self.screen
        finally:
            if ends >= 0:
                os.close(ends)
        if self._is_readable(0):
            self.raw += os.read(self._ours, 65536).decode(errors="replace")

    def _is_readable(self, seconds: float) -> bool:
        return bool(select.select([self._ours], [], [], seconds)[0])


def _take_terminal() -> None:
    """Make the terminal that of the new session, so that Ctrl-C and its size signal it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read_all(descriptor: int) -> bytes:
    data = b""
    while True:
        readable, _, _ = select.select([descriptor], [], [], _SECONDS)
        assert readable, data
        try:
            data += os.read(descriptor, 65536)
        except OSError:  # the last process has closed the terminal
            return data
