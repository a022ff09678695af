"""Plain text as Markdown."""

import re


def entry(name: str, facts: str, meaning: str) -> str:
    """Return a key and its description, as Markdown: a term and its definition.

    Args:
        name: of the key.
        facts: Markdown; may be empty.
        meaning: plain text; may be empty.
    """
    sentence = f"{escaped(meaning[:1].upper() + meaning[1:])}." if meaning else ""
    paragraphs = [text for text in (facts, sentence) if text]
    return f"`{name}`\n:   " + "\n\n    ".join(paragraphs) + "\n"


def escaped(text: str) -> str:
    """Return Markdown that shows plain text unchanged; indented lines are code already."""
    lines = text.split("\n")
    return "\n".join(line if line.startswith("    ") else _escaped_line(line) for line in lines)


def _escaped_line(line: str) -> str:
    pieces = re.split(r"(`[^`]*`)", line)
    return "".join(piece if piece.startswith("`") else _escaped_text(piece) for piece in pieces)


def _escaped_text(text: str) -> str:
    text = re.sub(r"([\\*_\[\]#])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
