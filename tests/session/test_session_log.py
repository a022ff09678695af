"""The log shows what became of every session."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import pytest
import trio

from actors import Text
from runtime import HookError, LimitError, ManifestError, Runtime, RuntimeConfig
from runtime.config import Limits, Log
from runtime.logs import log_written
from tests.session.pipelines import chain, manifest, run_through

PLACES = ["native", "multiprocess"]
Entries = Callable[[], list[dict[str, Any]]]


@contextmanager
def logged() -> Iterator[Entries]:
    stream = io.StringIO()
    with log_written(Log(format="json"), stream):
        yield lambda: [
            entry
            for entry in map(json.loads, stream.getvalue().splitlines())
            if entry["logger"] == "millrace.session"
        ]


@pytest.mark.parametrize("place", PLACES)
async def test_a_session_is_opened_ready_and_ended(runtime: Runtime, place: str) -> None:
    with logged() as entries:
        async with runtime.open_session(chain("PassThrough", [place] * 2)) as session:
            for _ in range(3):
                await session.send(Text("x"))
            await session.close_input()
            assert len([result async for result in session]) == 3
    opened, ready, ended = entries()
    common = {"level": "info", "logger": "millrace.session", "session": session.id}
    for entry in (opened, ready, ended):
        assert common.items() <= entry.items()
        assert entry["manifest"] == "test"
    assert (opened["event"], ready["event"], ended["event"]) == (
        "session opened",
        "session ready",
        "session ended",
    )
    assert (opened["nodes"], opened["processes"]) == (2, 2 * (place == "multiprocess"))
    assert 0 <= ready["seconds"] <= ended["seconds"]
    assert (ended["outcome"], ended["items_in"], ended["items_out"]) == ("completed", 3, 3)
    assert ended["dropped"] == 0


async def test_dropped_items_are_counted(runtime: Runtime) -> None:
    slow = manifest(
        {"slow": ("Slow", {"seconds": 0.2})},
        places={"slow": "native"},
        enable_backpressure=False,
        channel_capacity=1,
    )
    with logged() as entries:
        async with runtime.open_session(slow) as session:
            for _ in range(5):
                await session.send(Text("x"))
            await session.close_input()
            results = len([result async for result in session])
    ended = entries()[-1]
    assert ended["dropped"] == 5 - results > 0


@pytest.mark.parametrize("place", PLACES)
async def test_the_error_of_a_node_is_a_warning_with_its_traceback(
    runtime: Runtime, place: str
) -> None:
    with logged() as entries, pytest.raises(HookError):
        await run_through(runtime, chain(("Raising", {"hook": "process"}), [place]), [Text("x")])
    failed, ended = entries()[-2:]
    assert failed["event"] == "node failed"
    assert (failed["level"], failed["node"], failed["error"]) == ("warning", "n0", "HookError")
    assert failed["manifest"] == "test"
    assert "process() raised" in failed["reason"]
    assert "in process" in failed["stack_trace"]
    assert ended["outcome"] == "failed"
    assert ended["session"] == failed["session"]


async def test_a_session_that_its_owner_leaves_is_cancelled(runtime: Runtime) -> None:
    with logged() as entries:
        async with runtime.open_session(chain("PassThrough", ["native"])) as session:
            await session.wait_ready()
    assert entries()[-1]["outcome"] == "cancelled"


async def test_a_refused_manifest_is_a_warning_with_its_faults(runtime: Runtime) -> None:
    with logged() as entries:
        with pytest.raises(ManifestError):
            async with runtime.open_session(manifest({"a": "EchoNod"})):
                pass
        with pytest.raises(ManifestError):
            async with runtime.open_session({"metadata": {"name": "broken"}}):
                pass
    unknown, broken = entries()
    assert unknown["event"] == broken["event"] == "session refused"
    assert (unknown["level"], unknown["error"]) == ("warning", "ManifestError")
    assert "EchoNode" in unknown["reason"]
    assert (unknown["manifest"], broken["manifest"]) == ("test", "broken")
    assert "stack_trace" not in unknown


async def test_a_session_without_room_is_a_warning_with_the_limit(
    runtime_with: Callable[[RuntimeConfig], AbstractAsyncContextManager[Runtime]],
) -> None:
    config = RuntimeConfig(limits=Limits(max_sessions=1))
    async with runtime_with(config) as runtime:
        pipeline = chain("PassThrough", ["native"])
        async with runtime.open_session(pipeline):
            with logged() as entries, pytest.raises(LimitError):
                await run_through(runtime, pipeline, [])
    (refused,) = entries()
    assert (refused["event"], refused["error"]) == ("session refused", "ServerFullError")
    assert "limits.max_sessions is 1" in refused["reason"]


async def test_for_people_fields_follow_the_event_and_the_traceback_is_indented(
    runtime: Runtime,
) -> None:
    stream = io.StringIO()
    with log_written(Log(), stream), pytest.raises(HookError):
        await run_through(
            runtime, chain(("Raising", {"hook": "process"}), ["multiprocess"]), [Text("x")]
        )
    lines = stream.getvalue().splitlines()
    (failed,) = [line for line in lines if "node failed" in line]
    assert " WARNING  " in failed
    assert "/n0 node failed manifest=test error=HookError reason=" in failed
    assert any(line.startswith("    ") and "in process" in line for line in lines)
    (ended,) = [line for line in lines if "session ended" in line]
    assert "outcome=failed reason=node_error error=HookError seconds=" in ended


async def test_an_application_without_logging_prints_nothing(
    runtime: Runtime, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with pytest.raises(HookError), trio.fail_after(30):
        await run_through(runtime, chain(("Raising", {"hook": "process"}), ["native"]), [Text("x")])
    assert capfd.readouterr().err == ""
