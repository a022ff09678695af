"""Bounds and clean-up of texts that come from nodes, clients and libraries."""

import re
import traceback
from typing import Final

MAX_ERROR_CHARACTERS: Final = 16 * 1024
"""The longest text of an error, with its node and, for an invalid document, all faults."""

MAX_DETAIL_CHARACTERS: Final = 8 * 1024
"""The longest part of such a text: one fault, or the text of a node's own exception."""

MAX_TRACE_CHARACTERS: Final = 64 * 1024
"""The longest traceback of an error. With its text, it fits into any client's message limit."""

MAX_PROGRESS_CHARACTERS: Final = 1024
"""The longest message of a progress report."""

# Room for the note of a cut, so that a text that was cut is not cut again.
_NOTE_CHARACTERS: Final = 40
# C0 and C1 control characters, line and paragraph separators, the marks that reorder text, and
# halves of surrogate pairs, as in the name of a file that is not UTF-8: no stream can encode them.
_CONTROLS: Final = (
    "\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
)
_UNPRINTABLE: Final = re.compile(f"[\x00-\x1f{_CONTROLS}]")
_UNPRINTABLE_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_CONTROLS}]")
_INDENT: Final = "    "


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning and end with a note of how much was cut between them.

    Args:
        text: any text.
        most: the longest result, in characters; at least 60.

    >>> shortened("a" * 97 + "end", 60)
    'aaaaa ... [80 characters cut] ... aaaaaaaaaaaaend'
    """
    if len(text) <= most:
        return text
    # An error's beginning names it; its end has the last line of a traceback.
    end = most // 4
    beginning = most - end - _NOTE_CHARACTERS
    cut = len(text) - beginning - end
    return f"{text[:beginning]} ... [{cut} characters cut] ... {text[-end:]}"


def printable(text: str) -> str:
    r"""Return `text` with every control character escaped.

    A line of a log or terminal that holds it stays one line, and no escape sequence takes effect.

    >>> printable("50%\x1b[2J done\nWARNING forged")
    '50%\\x1b[2J done\\nWARNING forged'
    """
    return _UNPRINTABLE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    r"""Return `text` as `printable` does, but with its newlines and tabs.

    >>> printable_lines("first\n\tsecond\a")
    'first\n\tsecond\\x07'
    """
    return _UNPRINTABLE_IN_LINES.sub(_escaped, text.replace("\r\n", "\n"))


def printable_entry(text: str) -> str:
    r"""Return `text` as one entry of a log: every line but the first is indented.

    None of its lines can be taken for an entry of its own.

    >>> print(printable_entry("loaded\nERROR forged"))
    loaded
        ERROR forged
    """
    return printable_lines(text).replace("\n", f"\n{_INDENT}")


def printable_json(text: str) -> str:
    r"""Return JSON text with its control characters as JSON escapes: the same value.

    >>> printable_json('"\x9b2J"')
    '"\\u009b2J"'
    """
    return _UNPRINTABLE_IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def text_of(error: BaseException) -> str:
    """Return an exception's text. `__str__` is its author's code and may raise."""
    try:
        text = str(error)
    except BaseException as failure:  # noqa: BLE001 (the first error matters, not this one)
        return f"(its text is unknown: str() raised {type(failure).__name__})"
    return encodable(shortened(text, MAX_DETAIL_CHARACTERS))


def described(error: BaseException) -> str:
    """Return an exception's class, with its text if it has one."""
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def trace_of(error: BaseException) -> str:
    """Return an exception's traceback as text, without the frame that caught it."""
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    lines = traceback.format_exception(type(error), error, frames)
    # One huge line, such as the exception's own text, must not displace all others.
    trace = "".join(shortened(line, MAX_DETAIL_CHARACTERS) for line in lines)
    return encodable(shortened(trace, MAX_TRACE_CHARACTERS))


def encodable(text: str) -> str:
    """Return `text` as UTF-8 can carry it, with unpaired surrogates escaped."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
