"""`millrace run --explain` and `millrace explain`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import answer, finish, millrace, start, write_manifest
from tests.cli.live_server import ADD, Live, live_server
from tests.cli.terminal import Terminal, run_in_terminal

LINE = json.dumps(ADD).encode() + b"\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server with one session for all tests; none of them ends it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_TOKEN", "operator")
        with live_server(tmp_path_factory.mktemp("live")) as running:
            yield running


def calculation(folder: Path) -> Path:
    (folder / "many.jsonl").write_bytes(LINE * 30)
    return write_manifest(folder, {"id": "first", "node_type": "CalculatorNode"})


@pytest.mark.parametrize("columns", [80, 140])
def test_a_run_is_explained_within_the_width_of_the_terminal(tmp_path: Path, columns: int) -> None:
    manifest = calculation(tmp_path)
    files = ("-i", "many.jsonl", "-o", "out.jsonl")
    done = run_in_terminal(
        "run", manifest, *files, "--explain", "--quiet", folder=tmp_path, columns=columns
    )
    assert done.status == 0
    assert all(len(line) <= columns for line in done.lines)
    assert "30 results explained" in done.text
    for word in ("p50", "p99", "slowest", "queue", "first", "client"):
        assert word in done.text
    table = next(line for line in done.lines if line.startswith("first"))
    assert any(sign in table for sign in "░·▒█▓") == (columns == 140)


def test_without_a_terminal_it_goes_to_standard_error(tmp_path: Path) -> None:
    done = millrace("run", calculation(tmp_path), "-i", "many.jsonl", "--explain", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 30
    assert re.search(r"^p50  \d", done.stderr, re.MULTILINE)


def test_a_run_that_fails_is_explained_up_to_there(live: Live) -> None:
    manifest = calculation(live.folder)
    wrong = json.dumps({"operation": "unheard of", "operands": []}).encode()
    (live.folder / "bad.jsonl").write_bytes(LINE * 3 + wrong + b"\n")
    arguments = ("run", manifest, "-i", "bad.jsonl", "-o", "bad.out.jsonl", "--explain")
    here = millrace(*arguments, folder=live.folder)
    there = live.millrace(*arguments)
    for done in (here, there):
        assert done.returncode == 1, done.stderr
        assert "explained" in done.stderr
        assert "unheard of" in done.stderr
        assert "ExceptionGroup" not in done.stderr


def test_a_run_on_a_server_is_explained_with_its_connection(live: Live) -> None:
    manifest = calculation(live.folder)
    done = live.millrace("run", manifest, "-i", "many.jsonl", "-o", "o.jsonl", "--explain")
    assert done.returncode == 0, done.stderr
    assert "30 results explained" in done.stderr
    assert "measured here, with the connection to the server: p50" in done.stderr


def test_a_run_on_a_server_needs_an_admin_token_before_anything_is_sent(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "guess")
    manifest = calculation(live.folder)
    done = live.millrace("run", manifest, "-i", "many.jsonl", "-o", "refused.jsonl", "--explain")
    assert (done.returncode, done.stdout) == (2, "")
    assert "token" in done.stderr
    assert not (live.folder / "refused.jsonl").exists()


def test_a_running_session_is_explained_once_as_text_and_as_json(live: Live) -> None:
    command = ("explain", live.address, "last", "--once", "--seconds", "3")
    explaining = [start(*command, *more, folder=live.folder) for more in ([], ["--json"])]
    while any(each.poll() is None for each in explaining):
        answer(live.run, LINE)
    as_text, as_json = map(finish, explaining)
    assert as_text.returncode == as_json.returncode == 0, as_text.stderr + as_json.stderr
    assert "p99" in as_text.stdout
    value = json.loads(as_json.stdout)
    assert value["results"] > 0
    for each in (*value["quantiles"], *value["typical"], *value["slowest"]):
        assert [stay["node"] for stay in each["stays"]] == ["", "calc", ""]
        parts = sum(v for stay in each["stays"] for k, v in stay.items() if k != "node")
        assert parts == pytest.approx(each["total_ms"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json"],
        [],
        ["nobody", "--once"],
        ["--once", "--seconds", "0.5"],
    ],
    ids=["json without once", "no terminal", "no session", "no result"],
)
def test_what_cannot_be_explained_is_refused(live: Live, arguments: list[str]) -> None:
    done = millrace("explain", live.address, *arguments, folder=live.folder)
    assert done.returncode == 2
    assert done.stderr.strip()


def test_a_running_session_is_shown_live_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    with (
        live_server(tmp_path) as live,
        Terminal("explain", live.address, "--interval", "0.2", folder=tmp_path) as terminal,
    ):
        terminal.wait_for("no result has come yet")
        # Of a session that was fast before, not every chunk is followed.
        terminal.wait_for("explained", "calc", "p50", meanwhile=lambda: answer(live.run, LINE))
        assert live.millrace("kill", "last", "--reason", "test over").returncode == 0
        assert terminal.wait_end() == 0
        assert terminal.is_restored
        shown = terminal.raw[terminal.raw.rindex("\x1b[?1049l") :]
        assert "slowest" in shown
        assert "the session has ended: failed, killed" in shown
