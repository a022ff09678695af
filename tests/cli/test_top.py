"""`millrace top` in a terminal, with real keys, beside `millrace serve`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import millrace
from tests.cli.live_server import Live, live_server
from tests.cli.terminal import Terminal, run_in_terminal

# Sets the title of the terminal, clears the screen, and reverses what follows.
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e\n"


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    with live_server(tmp_path) as running:
        yield running


def top(live: Live, *arguments: str, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal(
        "top",
        live.address,
        "--interval",
        "0.2",
        *arguments,
        folder=live.folder,
        columns=columns,
        rows=rows,
    )


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (140, 40)])
def test_a_session_is_found_opened_and_seen_to_end(live: Live, columns: int, rows: int) -> None:
    with top(live, columns=columns, rows=rows) as terminal:
        screen = terminal.wait_for("pipeline", "1/100", "q quit")
        assert all(len(line) <= columns for line in screen.splitlines())
        assert ("client" in screen) == (columns == 140)
        terminal.type("\r")
        terminal.wait_for("client ───▶ calc ───▶ client", "p99 ms")
        assert live.millrace("send", "last", "calc", "one.jsonl").returncode == 0
        terminal.wait_for("in/s", "calc", "0/100")
        assert live.millrace("kill", "last", "--reason", "test over").returncode == 0
        terminal.wait_for("failed: killed", "test over")
        terminal.type("\x1b")
        terminal.wait_for("no session is open", "ended 1")
        terminal.type("e")
        screen = terminal.wait_for("ended ago", "killed", "test over")
        assert all(len(line) <= columns for line in screen.splitlines())
        terminal.type("q")
        assert terminal.wait_end() == 0
        assert terminal.is_restored


def test_the_table_is_sorted_and_filtered_by_keys(live: Live) -> None:
    with top(live) as terminal:
        terminal.wait_for("ready", "sorted by age")
        terminal.type("sr")
        terminal.wait_for("sorted by in/s reversed")
        terminal.type("/nothing")
        terminal.wait_for("filter: nothing", "no session matches")
        terminal.type("\x7f\x1b")
        terminal.wait_for("ready", "sorted by in/s reversed")
        terminal.type("?")
        terminal.wait_for("Near 100%")
        terminal.type("\x1b[D")
        terminal.wait_for("sorted by")
        terminal.type("q")
        assert terminal.wait_end() == 0


def test_ctrl_c_leaves_the_terminal_as_it_was(live: Live) -> None:
    with top(live) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        assert terminal.wait_end() == 130
        assert terminal.is_restored


def test_a_server_that_goes_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_TOKEN", "operator")
        with live_server(tmp_path) as live:
            terminal = top(live)
            terminal.wait_for("1/100")
        with terminal:
            assert terminal.wait_end() == 1
            assert terminal.is_restored
            assert "error: " in terminal.raw


def test_the_screen_follows_the_size_of_the_terminal(live: Live) -> None:
    with top(live, "--interval", "60") as terminal:
        terminal.wait_for("ready")
        assert "client" not in terminal.screen
        terminal.resize(140, 40)
        terminal.wait_for("client")
        terminal.type("q")
        assert terminal.wait_end() == 0


def test_names_of_clients_reach_the_terminal_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    with live_server(tmp_path, name=EVIL) as live:
        with top(live, columns=140, rows=40) as terminal:
            terminal.wait_for(r"\x1b]0;owned")
            terminal.type("\r")
            terminal.wait_for("client ───▶ calc", r"\x1b]0;owned\x07\x1b[2J\u202e\n")
            assert live.millrace("kill", "last", "--reason", EVIL).returncode == 0
            terminal.type("e")
            terminal.wait_for(r"this session: \x1b]0;owned")
            terminal.type("q")
            assert terminal.wait_end() == 0
        once = run_in_terminal("top", live.address, "--once", folder=tmp_path, columns=200)
        assert once.status == 0
        for raw in (terminal.raw, once.raw):
            for sequence in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e"):
                assert sequence not in raw
        value = json.loads(
            millrace("top", live.address, "--once", "--json", folder=tmp_path).stdout
        )
        assert EVIL in value["ended"][0]["detail"]


def test_one_snapshot_is_printed_for_people_and_as_json(live: Live) -> None:
    shown = millrace("top", live.address, "--once", folder=live.folder)
    assert shown.returncode == 0, shown.stderr
    assert "pipeline" in shown.stdout
    assert "1/100" in shown.stdout
    as_json = millrace("top", live.address, "--once", "--json", folder=live.folder)
    value = json.loads(as_json.stdout)
    (session,) = value["sessions"]
    assert (session["pipeline"], session["in_per_second"]) == ("pipeline", 0)
    assert value["server"]["max_sessions"] == 100
    assert session["session_id"] in shown.stdout
    one = ("top", live.address, "--once", "--session", "last")
    page = json.loads(millrace(*one, "--json", folder=live.folder).stdout)
    assert page["nodes"][0]["node_id"] == "calc"
    assert {(link["producer"], link["reader"]) for link in page["links"]} == {
        ("", "calc"),
        ("calc", ""),
    }
    assert "calc" in millrace(*one, folder=live.folder).stdout
    nothing = millrace(
        "top", live.address, "--once", "--json", "--filter", "zzz", folder=live.folder
    )
    assert json.loads(nothing.stdout)["sessions"] == []


def test_without_a_terminal_the_error_names_once(live: Live) -> None:
    done = millrace("top", live.address, folder=live.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--once" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--sort", "colour"], ["--json"], ["--interval", "0.1"], ["--once", "--session", "nobody"]],
    ids=" ".join,
)
def test_a_wrong_option_is_refused(live: Live, arguments: list[str]) -> None:
    done = millrace("top", live.address, *arguments, folder=live.folder)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_wrong_token_is_refused_before_the_screen_changes(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "guess")
    with top(live) as terminal:
        assert terminal.wait_end() == 2
        assert "token" in terminal.raw
        assert "\x1b[?1049h" not in terminal.raw
