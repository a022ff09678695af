"""What the written pages state of the repository is true: paths, links, length."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT

_PATH = re.compile(r"`((?:actors|deploy|docs|proto|runtime|tests)/[\w./-]*)`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")
# Pages that exist in the site only.
_GENERATED = ("nodes/index.md", "settings.md", "cli.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    missing = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    links = (link for link in _LINK.findall(text) if not link.endswith(_GENERATED))
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
