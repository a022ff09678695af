"""What a node logs in its own process is the same record in the server's log."""

import io
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from actors import Text
from runtime import Runtime
from runtime.config import Log
from runtime.logs import log_written
from tests.session.pipelines import chain, run_through

PLACES = ["native", "multiprocess"]


async def entries(runtime: Runtime, place: str, level: str = "debug") -> list[Mapping[str, Any]]:
    """Return what a node logs."""
    stream = io.StringIO()
    with log_written(Log.model_validate({"format": "json", "level": level}), stream):
        await run_through(runtime, chain("LoggingMuch", [place]), [Text("x")])
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [each for each in found if each.get("node") == "n0"]


@pytest.mark.parametrize("place", PLACES)
async def test_records_have_their_level_and_their_fields(runtime: Runtime, place: str) -> None:
    debug, info, warning, error = [
        each
        for each in await entries(runtime, place)
        if each["logger"] == "millrace.node.n0"
        and "printed" not in each["event"]
        and "forged" not in each["event"]
    ]
    assert (debug["level"], debug["event"]) == ("debug", "details of an item")
    assert (info["level"], info["items"], info["ratio"], info["ok"]) == ("info", 3, 0.5, True)
    assert info["model"] == "base"
    assert (info["trace_id"], info["span_id"]) == ("0af7651916cd43dd", "b7ad6b7169203331")
    assert (warning["level"], warning["level_"], warning["event_"]) == ("warning", "low", "party")
    assert error["level"] == "error"
    assert error["event"] == "it failed\nin two lines"
    assert "ZeroDivisionError" in error["stack_trace"]
    session = {each["session"] for each in (debug, info, warning, error)}
    assert len(session) == 1
    assert session != {"another"}


async def test_a_library_of_a_node_process_has_its_own_logger(runtime: Runtime) -> None:
    (library,) = [
        each for each in await entries(runtime, "multiprocess") if each["logger"] == "library"
    ]
    assert (library["level"], library["event"]) == ("info", "loaded")


async def test_a_node_process_cannot_log_as_the_runtime(runtime: Runtime) -> None:
    found = await entries(runtime, "multiprocess")
    (forged,) = [each for each in found if each["event"] == "session ended (forged)"]
    assert forged["logger"] == "millrace.node.n0"


@pytest.mark.parametrize("place", PLACES)
async def test_debug_records_are_left_out_at_info(runtime: Runtime, place: str) -> None:
    found = await entries(runtime, place, "info")
    assert {each["level"] for each in found} == {"info", "warning", "error"}


async def test_printed_text_that_looks_like_a_record_is_text(runtime: Runtime) -> None:
    found = await entries(runtime, "multiprocess")
    printed = [each for each in found if "printed" in each["event"]]
    assert {each["level"] for each in printed} == {"info"}
    assert [each["event"] for each in printed] == [
        "ERROR root: printed",
        '\x1e0123456789abcdef {"level":40,"logger":"x","message":"printed"}',
    ]


@pytest.mark.parametrize("place", PLACES)
async def test_in_text_fields_follow_and_nothing_forges_a_line(
    runtime: Runtime, place: str
) -> None:
    stream = io.StringIO()
    with log_written(Log(), stream):
        await run_through(runtime, chain("LoggingMuch", [place]), [Text("x")])
    lines = stream.getvalue().splitlines()
    (info,) = [line for line in lines if "loaded the model" in line]
    assert "loaded the model items=3 ratio=0.500 ok=True model=base trace_id=" in info
    assert "    in two lines" in lines
    assert "\x1b" not in stream.getvalue()
    assert logging.getLogger("millrace.node.n0").level == logging.NOTSET
