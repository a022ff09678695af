"""Every line of the log says which session and node it is about."""

import io
import json
import logging
import re
from typing import Any

import pytest

from actors import Text
from runtime import Runtime
from runtime.config import Log
from runtime.logs import log_written
from tests.session.pipelines import chain, run_through

PLACES = ["native", "multiprocess"]


@pytest.mark.parametrize("place", PLACES)
async def test_as_json_a_line_is_an_object_with_session_and_node(
    runtime: Runtime, place: str
) -> None:
    stream = io.StringIO()
    with log_written(Log(format="json"), stream):
        async with runtime.open_session(chain("Cautious", [place])) as session:
            await session.send(Text("x"))
            await session.receive()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"].startswith("careful")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": "millrace.node.n0",
        "session": session.id,
        "node": "n0",
        "event": "careful: 3 of 4",
    }


async def test_for_people_a_line_begins_with_time_level_and_who(runtime: Runtime) -> None:
    stream = io.StringIO()
    with log_written(Log(), stream):
        await run_through(runtime, chain("Printing", ["multiprocess"]), [Text("x")])
    lines = [line for line in stream.getvalue().splitlines() if "/n0 " in line]
    form = (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d INFO +[0-9a-f-]+/n0 (a word on std(out|err))"
    )
    assert {re.sub(form, r"\1", line) for line in lines} == {
        "a word on stdout",
        "a word on stderr",
    }


async def test_the_level_is_the_operator_s(runtime: Runtime) -> None:
    stream = io.StringIO()
    with log_written(Log(level="error"), stream):
        await run_through(runtime, chain("Cautious", PLACES), [Text("x")])
    assert stream.getvalue() == ""


class FullDisk(io.StringIO):
    """A stream that takes nothing until it is emptied."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_event_can_neither_command_a_terminal_nor_forge_an_entry(form: str) -> None:
    stream = io.StringIO()
    event = "loaded\x1b[2J\n2026-01-01T00:00:00+00:00 ERROR forged\r\u202e\x9b31m"
    with log_written(Log.model_validate({"format": form}), stream):
        extra = {"session": "s\x1b[0m\nforged", "node": "n\a"}
        logging.getLogger("millrace.test").warning("%s", event, extra=extra)
    text = stream.getvalue()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    first, *others = text.splitlines()
    assert r"\x1b" in first or r"\u001b" in first
    assert all(line.startswith("    ") for line in others)


def test_a_long_event_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    with log_written(Log(), stream):
        logging.getLogger("millrace.test").warning("%s", "a" * 5_000_000)
    assert len(stream.getvalue()) < 20_000
    assert "characters cut" in stream.getvalue()


def test_entries_that_a_full_disk_does_not_take_are_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = FullDisk()
    with log_written(Log(), stream):
        logging.getLogger("millrace.test").warning("lost")
        stream.is_full = False
        logging.getLogger("millrace.test").warning("written")
    assert stream.getvalue().endswith("written\n")
    assert "lost" not in stream.getvalue()
    assert capsys.readouterr().err == ""


def test_what_a_library_marks_all_records_with_is_not_shown() -> None:
    made = logging.getLogRecordFactory()

    def marked(*values: Any, **more: Any) -> logging.LogRecord:
        record = made(*values, **more)
        record.__dict__["_stamp_of_a_library"] = 1
        return record

    stream = io.StringIO()
    with log_written(Log(), stream):
        logging.setLogRecordFactory(marked)
        try:
            logging.getLogger("millrace.test").warning("written", extra={"size": 1})
        finally:
            logging.setLogRecordFactory(made)
    assert stream.getvalue().endswith("written size=1\n")
