"""Marks the examples of docstrings as code: `>>>` lines, and the text below `Example:`."""

import re
import textwrap
from typing import Any, Final

import griffe

_DOCTEST: Final = re.compile(r"^>>> .*\n(?:(?!\n).+\n?)*", re.MULTILINE)
_EXAMPLE: Final = re.compile(r"^Example:\n((?:    .*\n?|\n)+)", re.MULTILINE)


class ExamplesAsCode(griffe.Extension):
    """Puts fences around the examples, which Markdown would read as quotations or paragraphs."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite all docstrings of a package."""
        rewrite(pkg)


def rewrite(found: griffe.Object) -> None:
    """Rewrite the docstrings of an object and of its members."""
    if found.docstring is not None:
        found.docstring.value = with_fences(found.docstring.value)
    for member in found.members.values():
        if isinstance(member, griffe.Object):
            rewrite(member)


def with_fences(text: str) -> str:
    """Return a docstring's text with its examples in fences."""
    text = _DOCTEST.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)
    return _EXAMPLE.sub(_example, text)


def _example(found: re.Match[str]) -> str:
    return f"```python\n{textwrap.dedent(found[1]).strip()}\n```\n"
