"""Commands for a running server, as a user types them beside `millrace serve`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import finish, millrace
from tests.cli.live_server import ADD, SECONDS, Live, live_server


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    with live_server(tmp_path) as running:
        yield running


def test_the_operator_lists_sends_bypasses_and_ends(live: Live) -> None:
    (session,) = json.loads(live.millrace("sessions", "--json").stdout)
    assert (session["pipeline"], session["nodes"][0]["node_id"]) == ("pipeline", "calc")
    assert session["session_id"] in live.millrace("sessions").stdout

    sent = live.millrace("send", "last", "calc", "one.jsonl")
    assert (sent.returncode, "sent 1 items" in sent.stderr) == (0, True), sent.stderr
    assert live.run.stdout is not None
    assert json.loads(live.run.stdout.readline())["result"] == 3

    assert live.millrace("bypass", "last", "calc").returncode == 0
    live.millrace("send", session["session_id"], "calc.in", "one.jsonl")
    assert json.loads(live.run.stdout.readline()) == ADD
    (bypassed,) = json.loads(live.millrace("sessions", "--json").stdout)
    assert bypassed["nodes"][0]["state"] == "bypass"
    assert live.millrace("enable", "last", "calc").returncode == 0
    unknown = live.millrace("enable", "last", "nobody")
    assert (unknown.returncode, "nobody" in unknown.stderr) == (2, True)

    assert live.millrace("kill", "last", "--reason", "test over").returncode == 0
    assert live.run.wait(SECONDS) == 1
    assert live.run.stderr is not None
    assert b"test over" in live.run.stderr.read()


def test_a_session_is_tapped_and_recorded_while_it_runs(live: Live) -> None:
    tap = live.start("tap", "last", "calc.out", "--count", "2")
    record = live.start("record", "last", "rec.mcap", "--verbose")
    assert record.stderr is not None
    assert b"recording session" in record.stderr.readline()
    lines: list[str] = []
    while len(lines) < 2 and tap.poll() is None:
        assert live.millrace("send", "last", "calc", "one.jsonl").returncode == 0
        lines = ["", ""] if tap.poll() is not None else []
    shown = finish(tap)
    assert [json.loads(line)["result"] for line in shown.stdout.splitlines()] == [3, 3]
    assert live.millrace("kill", "last").returncode == 0
    recorded = finish(record)
    assert recorded.returncode == 0, recorded.stderr
    inspected = json.loads(millrace("inspect", "rec.mcap", "--json", folder=live.folder).stdout)
    streams = {(each["node"], each["side"]): each["items"] for each in inspected["streams"]}
    assert streams["calc", "out"] >= 1
    assert "ended this session" in inspected["error"]


def test_a_wrong_token_is_refused(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "guess")
    refused = live.millrace("sessions")
    assert refused.returncode == 2
    assert "token" in refused.stderr
