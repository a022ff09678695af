"""Every code block of the README, CONTRIBUTING and docs/ works as shown."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks_in, blocks_of
from tests.docs.reader import Reader

# Pages for readers who have a program that is not a package of Python's.
PROGRAMS = {"docs/guides/scale-out.md": "haproxy"}


def pages_with_code() -> Iterator[Any]:
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        if any(blocks_of(page)):
            program = PROGRAMS.get(name)
            is_missing = program is not None and shutil.which(program) is None
            skip = pytest.mark.skipif(is_missing, reason=f"{program} is not installed")
            yield pytest.param(page, id=name, marks=skip)


@pytest.mark.parametrize("page", list(pages_with_code()))
def test_following_a_page_gives_the_output_that_it_shows(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with Reader(folder) as reader:
        for block in blocks_of(page):
            try:
                reader.follow(block)
            except Exception as error:
                error.add_note(f"in {block.place}:\n{block.text}")
                raise
        reader.finish()


def follow(folder: Path, *blocks: tuple[str, str, str]) -> None:
    folder.mkdir()
    with Reader(folder) as reader:
        for language, marker, text in blocks:
            kind, _, detail = marker.partition(": ")
            title = detail if kind == "file" else ""
            reader.follow(Block("here", language, title, kind, detail, text))
        reader.finish()


@pytest.mark.parametrize(
    "blocks",
    [
        [("python", "", "import actors.nothing")],
        [("python", "file: a.py", "def broken(")],
        [("python", "file: test_a.py", "def test_it(): assert 1 > 2")],
        [("sh", "", "false | true")],
        [("sh", "fails: 2", "true")],
        [("sh", "", "echo one"), ("text", "output", "two")],
        [("json", "", '{"nodes": []}')],
        [("json", "", '{"a": }')],
        [("toml", "", "[limits]\nmax_session = 1")],
        [("yaml", "", "nodes: [{id: a, node_type: Nothing}]")],
        [("ini", "", "[Service]\nExecStrat=/bin/true")],
        [("dockerfile", "", "FROM a\nRUNS b")],
        [("cobol", "", "")],
        [("sh", "elsewhere", "true")],
    ],
    ids=lambda blocks: "-".join(blocks[-1][:2]),
)
def test_a_block_that_does_not_work_is_found(
    blocks: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 (any exception would fail the test)
        follow(tmp_path / "folder", *blocks)


def test_a_marker_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError, match="line 1: no marker 'outptu'"):
        list(blocks_in(["<!-- outptu -->", "```text", "```"], "here"))


def test_a_block_continues_in_the_shell_of_the_previous_one(tmp_path: Path) -> None:
    follow(
        tmp_path / "folder",
        ("sh", "", "mkdir a && cd a && export WORD=hello"),
        ("python", "file: sum.py", "print(1 + 1)\n"),
        ("sh", "", "echo $WORD from ${PWD##*/}; python sum.py"),
        ("text", "output", "hello from a\n2"),
    )
