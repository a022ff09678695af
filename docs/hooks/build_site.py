"""Build the documentation: `python docs/hooks/build_site.py [build | serve]`.

Zensical runs no code of a project, so the pages that are generated from the code are written first.
Pages written by hand are linked, not copied: `serve` shows a change of them at once.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli_page import cli_page
from node_types_page import node_types_pages
from settings_page import settings_page

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "docs"
_NO_PAGES: Final = {"hooks"}
# Pages of the repository's root that the site shows too.
_FROM_ROOT: Final = {"CHANGELOG.md": "changelog.md"}


def prepare(project: Path) -> None:
    """Write the pages into `build/docs` of a folder that zensical.toml lies in."""
    pages = project / "build" / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    for source in _written():
        _link(pages / source.relative_to(SOURCE), source)
    for source_name, name in _FROM_ROOT.items():
        _link(pages / name, ROOT / source_name)
    for name, text in _generated():
        path = pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _written() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file() and path.relative_to(SOURCE).parts[0] not in _NO_PAGES:
            yield path


def _generated() -> Iterator[tuple[str, str]]:
    for name, text in node_types_pages().items():
        yield f"reference/nodes/{name}", text
    yield "decisions/SUMMARY.md", _decisions_menu()
    yield "reference/settings.md", settings_page()
    yield "reference/cli.md", cli_page()


def _decisions_menu() -> str:
    entries = ["* [Decisions](index.md)"]
    for path in sorted((SOURCE / "decisions").glob("0*.md")):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        entries.append(f"* [{title}]({path.name})")
    return "\n".join(entries) + "\n"


def _link(path: Path, source: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(source)


def main(arguments: list[str]) -> int:
    """Write the pages, run zensical, and return its exit status."""
    prepare(ROOT)
    command = arguments or ["build", "--clean"]
    return subprocess.run([sys.executable, "-m", "zensical", *command], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
