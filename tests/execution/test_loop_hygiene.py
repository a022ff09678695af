"""A native actor that holds the event loop is found and named, once."""

import logging

import pytest
import trio

from actors import Text
from runtime import Runtime
from tests.session.pipelines import manifest, send_all

ITEMS = [Text("x")] * 3


async def holds(runtime: Runtime, kind: str, place: str, **params: object) -> int:
    """Return how often the node is said to have held the loop; another one is innocent."""
    pipeline = manifest(
        {"innocent": "PassThrough", "culprit": (kind, params)},
        ["innocent > culprit"],
        places={"culprit": place},
    )
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
        nursery.start_soon(send_all, session, ITEMS, None)
        assert len([result async for result in session]) == len(ITEMS)
        figures = session.statistics()
    assert figures["innocent"].loop_holds == 0
    return figures["culprit"].loop_holds


@pytest.mark.parametrize("hook", ["def", "async", "generator"])
async def test_an_actor_that_holds_the_loop_is_counted_and_named_once(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    assert await holds(runtime, "Hogging", "native", hook=hook) == len(ITEMS)
    (record,) = [r for r in caplog.records if "event loop" in r.getMessage()]
    assert record.levelno == logging.WARNING
    assert record.name == "millrace.node.culprit"
    assert record.getMessage().startswith("process() held the server's event loop for")
    assert "runs_in_thread = True" in record.getMessage()


@pytest.mark.parametrize(
    ("kind", "place"), [("HoggingInThread", "native"), ("Hogging", "multiprocess")]
)
async def test_one_that_holds_a_thread_or_a_process_of_its_own_is_not(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, kind: str, place: str
) -> None:
    assert await holds(runtime, kind, place) == 0
    assert not [r for r in caplog.records if "event loop" in r.getMessage()]


async def test_one_that_awaits_for_long_holds_nothing(runtime: Runtime) -> None:
    assert await holds(runtime, "Slow", "native", seconds=0.15) == 0
