"""The fenced code blocks of a Markdown page, in order.

A comment on the line before a block marks it:

    <!-- background -->       a server: it runs until the end of the page
    <!-- fails: 2 -->         a command that ends with this exit status
    <!-- output -->           the output of the previous block; "..." matches anything
    <!-- file: NAME -->       the content of a file, as `title="NAME"` beside the language
    <!-- needs: MODULE -->    a command that is skipped if this JavaScript module is not installed
    <!-- elsewhere: WHERE --> run by the named test instead
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
# The markers of the README's first two blocks, which other scripts find and run.
_MARKERS: Final = {"background", "fails", "output", "file", "needs", "elsewhere"}
_README: Final = {"demo": "tests/demo", "tests": ".ci/run"}


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        place: page and line, for messages.
        language: of the fence.
        title: the name of the file whose content it is; empty if it is not a file.
        marker: empty if there is none.
        detail: the text after the marker's colon.
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
    """Yield the code blocks of the lines of a page with this name."""
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
