"""A terminal of a chosen width in which a command runs."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from dataclasses import dataclass
from pathlib import Path

from .commands import command, environment

_SECONDS = 60.0
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


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


def _read_all(descriptor: int) -> bytes:
    data = b""
    while True:
        readable, _, _ = select.select([descriptor], [], [], _SECONDS)
        assert readable, data
        try:
            data += os.read(descriptor, 65536)
        except OSError:  # the last process has closed the terminal
            return data
