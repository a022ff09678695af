"""The site builds without a warning, and no page of it loads anything from another site."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build_site import prepare

from tests.docs.blocks import ROOT

# What a browser loads by itself; a link that a reader may follow is not among it.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(https?:)?//"
    r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*\bhref=[\"']?(https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site in a folder of its own, since several tests may build one at the same time."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "zensical.toml", project)
    for folder in ("actors", "docs", "runtime"):
        (project / folder).symlink_to(ROOT / folder)
    prepare(project)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return project / "build" / "site"


def test_no_page_loads_anything_from_another_site(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    assert [page.name for page in pages if _LOADED.search(page.read_text("utf-8"))] == []


def test_the_menu_has_every_page(site: Path) -> None:
    menu = (site / "index.html").read_text("utf-8")
    pages = {str(page.parent.relative_to(site)) for page in site.rglob("index.html")} - {"."}
    assert {page for page in pages if f'href="./{page}/"' not in menu} == set()


def test_signatures_in_the_reference_are_formatted(site: Path) -> None:
    page = (site / "reference" / "runtime" / "index.html").read_text("utf-8")
    signature = re.sub(r"<[^>]+>", "", page[page.index("doc-signature") :].partition("</pre>")[0])
    assert "open_session(\n    manifest" in signature


def test_the_search_finds_what_a_page_is_about(site: Path) -> None:
    index = (site / "search.json").read_text("utf-8").lower()
    for word in ("prometheus", "kubernetes", "p99", "asyncio", "mp4", "barge-in"):
        assert word in index, word
