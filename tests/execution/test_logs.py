"""Every line of the log says which session and node it is about."""

import io
import json
import re

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
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
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
    lines = stream.getvalue().splitlines()
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
