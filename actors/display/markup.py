"""Pieces of HTML. All text that comes from elsewhere goes through `shown_text` or `block`."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_MOST_CHARACTERS: Final = 8000
_MOST_OF_A_NAME: Final = 200
_CELL: Final = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
_BLOCK: Final = (
    "font-family:monospace;margin:4px 0;max-height:24em;overflow:auto;white-space:pre-wrap"
)


def shown_text(text: str) -> str:
    """Return a name or another short text, escaped, on one line.

    What cannot be seen, or turns the direction of other text, is replaced.
    """
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    cut = text if len(text) <= _MOST_OF_A_NAME else f"{text[:_MOST_OF_A_NAME]}…"
    return escape(cut)


def block(text: str) -> str:
    """Return a long text, escaped, with its lines; of more than 8000 characters the beginning."""
    rest = len(text) - _MOST_CHARACTERS
    cut = text if rest <= 0 else f"{text[:_MOST_CHARACTERS]}… ({rest} more characters)"
    return f'<pre style="{_BLOCK}">{escape(cut)}</pre>'


def caption(*facts: str, title: str = "") -> str:
    """Return a line of facts, escaped; empty ones are left out."""
    shown = [f"<b>{shown_text(title)}</b>"] if title else []
    shown += [shown_text(fact) for fact in facts if fact]
    return f'<div style="opacity:.75">{" · ".join(shown)}</div>'


def card(*parts: str) -> str:
    """Return parts of HTML as one item."""
    style = "display:inline-block;vertical-align:top;max-width:100%;margin:4px 12px 4px 0"
    return f'<div style="{style}">{"".join(parts)}</div>'


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts, which are escaped here."""
    head = "".join(f'<th style="{_CELL}">{shown_text(each)}</th>' for each in headings)
    lines = (
        "".join(f'<td style="{_CELL}">{shown_text(each)}</td>' for each in row) for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    header = f"<thead><tr>{head}</tr></thead>" if headings else ""
    return f'<table style="border:0">{header}<tbody>{body}</tbody></table>'


def data_url(mime_type: str, data: bytes) -> str:
    """Return bytes as a URL. The type is ours, never a client's."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1200, "byte")
    '1,200 bytes'
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
