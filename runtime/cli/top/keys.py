"""The keys of a terminal, one by one."""

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

# What a key sends is in one read, but on a slow line it may come in two.
_ESCAPE_SECONDS: Final = 0.05
_SEQUENCES: Final = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "[H": "home",
    "[F": "end",
    "[1~": "home",
    "[4~": "end",
    "[5~": "page_up",
    "[6~": "page_down",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
    "OH": "home",
    "OF": "end",
}
_NAMES: Final = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace"}
_ESCAPE: Final = "\x1b"
_DISABLED: Final = b"\x00"


@contextmanager
def single_keys(descriptor: int) -> Iterator[None]:
    """Let a terminal send each key at once, without showing it; set it back at the end.

    Ctrl-C still sends its signal. Ctrl-Z does not: it would leave the terminal in this state.
    """
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        changed = termios.tcgetattr(descriptor)
        changed[6][termios.VSUSP] = _DISABLED
        termios.tcsetattr(descriptor, termios.TCSANOW, changed)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


async def read_keys(descriptor: int) -> list[str]:
    """Wait for keys and return them: a character each, or a name such as "up".

    The list is empty when the terminal is gone.
    """
    await trio.lowlevel.wait_readable(descriptor)
    data = _read(descriptor)
    if data.endswith(b"\x1b"):
        with trio.move_on_after(_ESCAPE_SECONDS):
            await trio.lowlevel.wait_readable(descriptor)
            data += _read(descriptor)
    return list(keys_of(data.decode(errors="replace")))


def keys_of(text: str) -> Iterator[str]:
    r"""Yield the keys that a terminal has sent; unknown sequences are left out.

    >>> list(keys_of("a\x1b[A\x1b[5~\r\x1b[1;5C\x1b"))
    ['a', 'up', 'page_up', 'enter', 'escape']
    """
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character != _ESCAPE:
            if name := _NAMES.get(character, character if character.isprintable() else ""):
                yield name
            continue
        end = _end_of_sequence(text, position)
        sequence, position = text[position:end], end
        if not sequence:
            yield "escape"
        elif sequence in _SEQUENCES:
            yield _SEQUENCES[sequence]


def _end_of_sequence(text: str, start: int) -> int:
    """Return where the sequence ends whose first character after the escape is at `start`."""
    if text[start : start + 1] not in ("[", "O"):
        return start
    end = start + 1
    while end < len(text) and not "@" <= text[end] <= "~":
        end += 1
    return min(end + 1, len(text))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1024)
    except OSError:  # the terminal was closed
        return b""
