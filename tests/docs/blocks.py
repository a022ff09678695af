"""The fenced code blocks of a Markdown page, in their order.

A comment on the line before a block says what is special about it:

    <!-- background -->       a server: it runs until the end of the page
    <!-- fails: 2 -->         a command that ends with this exit status
    <!-- output -->           what the block before printed; "..." stands for anything
    <!-- file: NAME -->       the content of a file, as does `title="NAME"` beside the language
    <!-- needs: MODULE -->    a command that is left out where this module of JavaScript is missing
    <!-- elsewhere: WHERE --> not run here, but there
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PAGES: Final = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))

_FENCE: Final = re.compile(r"(?P<indent> *)```(?P<language>[\w+-]*) *(?P<rest>.*)")
_TITLE: Final = re.compile(r'title="([^"]+)"')
_MARKER: Final = re.compile(r"\s*<!-- *(\w+)(?:: *(.*?))? *-->\s*")
# The README's first two blocks, marked for those who run them as a whole.
_MARKERS: Final = {"background", "fails", "output", "file", "needs", "elsewhere"}
_README: Final = {"demo": "tests/demo", "tests": ".ci/run"}


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        place: page and line, for people.
        language: as the fence says.
        title: the name of the file that it is the content of; empty if it is none.
        marker: what is special about it; empty if nothing.
        detail: what the marker says more.
    """

    place: str
    language: str
    title: str
    marker: str
    detail: str
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    return blocks_in(page.read_text("utf-8").splitlines(), str(page.relative_to(ROOT)))


def blocks_in(lines: list[str], name: str) -> Iterator[Block]:
    """Yield the code blocks of Markdown text that has a name."""
    number = 0
    while number < len(lines):
        opening = _FENCE.fullmatch(lines[number])
        if opening is None:
            number += 1
            continue
        indent = opening["indent"]
        end = lines.index(f"{indent}```", number + 1)
        text = "".join(f"{line.removeprefix(indent)}\n" for line in lines[number + 1 : end])
        marker, detail = _marker_before(lines, number)
        title = _TITLE.search(opening["rest"])
        file = title[1] if title else detail if marker == "file" else ""
        yield Block(f"{name}:{number + 1}", opening["language"], file, marker, detail, text)
        number = end + 1


def _marker_before(lines: list[str], number: int) -> tuple[str, str]:
    before = lines[number - 1] if number and lines[number - 1].strip() else ""
    found = _MARKER.fullmatch(before)
    if found is None:
        return "", ""
    if found[1] in _README:
        return "elsewhere", _README[found[1]]
    assert found[1] in _MARKERS, f"line {number}: no marker {found[1]!r}"
    return found[1], found[2] or ""
