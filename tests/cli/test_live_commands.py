"""Commands for a running server, as a user types them beside `millrace serve`."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import command, environment, finish, millrace, start, write_manifest

ADD = {"operation": "add", "operands": [1, 2]}
SECONDS = 60


class Live:
    """A server, and a session on it whose client waits for input."""

    def __init__(self, folder: Path, address: str, run: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.address = address
        self.run = run

    def millrace(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return millrace(*arguments, "--server", self.address, folder=self.folder)

    def start(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        return start(*arguments, "--server", self.address, folder=self.folder)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    manifest = write_manifest(tmp_path, {"id": "calc", "node_type": "CalculatorNode"})
    (tmp_path / "one.jsonl").write_text(json.dumps(ADD) + "\n")
    server = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0"),
        cwd=tmp_path,
        env={**environment(), "MILLRACE_ADMIN_TOKENS": "operator"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = ""
        for line in server.stderr:
            if found := re.search(r"listening on (\S+);", line):
                address = found[1]
                break
        run = start("run", manifest, "--input-kind", "jsonl", "--server", address, folder=tmp_path)
        try:
            assert run.stderr is not None
            for text in run.stderr:
                if b"ready in" in text:
                    break
            yield Live(tmp_path, address, run)
        finally:
            with run:  # closes its streams
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGKILL)
    finally:
        with server:
            server.send_signal(signal.SIGINT)


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
