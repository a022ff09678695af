"""The trace of a session: which spans it has, what they say, and where they belong."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from actors import CancelSpeculation, Control, Data, Json, Text
from runtime import Manifest, MillraceError, NodeError, Runtime
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest, run_through
from tests.tracing.collector import Collector, ReceivedSpan

PLACES = ["native", "multiprocess"]
NO_PARENT = ""


async def run_traced(
    runtime_with: OpenRuntime,
    collector: Collector,
    pipeline: Manifest,
    items: Sequence[Data],
    **settings: Any,
) -> list[Data]:
    """Run a pipeline; all spans have come when this returns."""
    async with runtime_with(collector.tracing(**settings)) as runtime:
        return [result.data for result in await run_through(runtime, pipeline, items)]


async def fail_traced(
    runtime_with: OpenRuntime, collector: Collector, pipeline: Manifest
) -> MillraceError:
    """Run a pipeline that fails; return its error."""
    with pytest.raises(MillraceError) as caught:
        await run_traced(runtime_with, collector, pipeline, [Text("x")])
    return caught.value


def assert_whole(spans: list[ReceivedSpan], parent: str = NO_PARENT) -> None:
    """Check that the spans of a trace form one tree under the session, each within the session."""
    ids = {span.id for span in spans}
    assert len(ids) == len(spans)
    (root,) = [span for span in spans if span.name == "session"]
    assert root.parent == parent
    for span in spans:
        assert span is root or span.parent in ids, span
        assert root.start <= span.start <= span.end <= root.end, span


@pytest.mark.parametrize("place", PLACES)
async def test_a_session_has_spans_of_its_stages_nodes_and_items(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    items = [Text("one"), Text("two")]
    await run_traced(runtime_with, collector, chain("PassThrough", [place] * 2), items)
    (spans,) = collector.traces().values()
    assert_whole(spans)
    names = {span.id: span.name for span in spans}
    tree = sorted((span.name, names.get(span.parent, "")) for span in spans)
    nodes = ["n0", "n1"]
    assert tree == sorted(
        [
            ("session", ""),
            ("open", "session"),
            ("close", "session"),
            *[(f"load {node}", "open") for node in nodes],
            *[(f"initialize {node}", "open") for node in nodes],
            *[("item", "session")] * 2,
            *[(f"process {node}", "item") for node in nodes] * 2,
            *[(f"flush {node}", "close") for node in nodes],
            *[(f"cleanup {node}", "close") for node in nodes],
        ]
    )
    session = collector.one("session").attributes
    assert session["millrace.pipeline"] == "test"
    assert (session["millrace.session.items_in"], session["millrace.session.items_out"]) == (2, 2)
    assert session["millrace.outcome"] == "completed"
    first, second = collector.named("process n1")
    assert first.attributes["millrace.node.id"] == "n1"
    assert first.attributes["millrace.item.sequence"] == 0
    assert 0 < first.attributes["millrace.busy_seconds"] <= (first.end - first.start) / 1e9
    assert collector.one("initialize n1").attributes == {
        "millrace.node.id": "n1",
        "millrace.node.type": "PassThrough",
        "millrace.node.executor": place,
    }
    assert second.attributes["millrace.item.sequence"] == 1
    for item in collector.named("item"):
        calls = [span for span in spans if span.parent == item.id]
        assert item.start <= min(call.start for call in calls)
        assert item.end == max(call.end for call in calls)
        assert {c.attributes["millrace.item.sequence"] for c in calls} == {
            item.attributes["millrace.item.sequence"]
        }
    assert not any(span.is_error for span in spans)
    assert {resource["service.name"] for resource in collector.resources} == {"millrace"}


@pytest.mark.parametrize(
    ("interval", "sequences"), [(0, []), (3, [0, 3, 6]), (4, [0, 4]), (100, [0])]
)
async def test_every_node_traces_the_same_items(
    runtime_with: OpenRuntime, collector: Collector, interval: int, sequences: list[int]
) -> None:
    pipeline = chain("PassThrough", ["native", "multiprocess", "native"])
    items = [Text(str(number)) for number in range(8)]
    await run_traced(runtime_with, collector, pipeline, items, item_interval=interval)
    for name in ("item", "process n0", "process n1", "process n2"):
        spans = collector.named(name)
        assert [span.attributes["millrace.item.sequence"] for span in spans] == sequences
    assert len(collector.named("initialize n1")) == 1


async def test_chunks_that_a_client_numbers_alike_have_a_span_each(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    pipeline = chain("PassThrough", ["native", "multiprocess"])
    async with (
        runtime_with(collector.tracing()) as runtime,
        runtime.open_session(pipeline) as session,
    ):
        for _ in range(3):
            await session.send(Text("x"), sequence=0)
            await session.receive()
        await session.publish(Text("x"), node="n0")
        await session.close_input()
        async for _ in session:
            pass
    items = collector.named("item")
    assert len({item.id for item in items}) == 4
    assert [span.parent for span in collector.named("process n1")] == [item.id for item in items]


@pytest.mark.parametrize("place", PLACES)
async def test_each_item_of_a_batch_has_a_span(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    items = [Json(number) for number in range(4)]
    await run_traced(runtime_with, collector, chain("Pairs", [place]), items, item_interval=3)
    spans = collector.named("process n0")
    assert [span.attributes["millrace.item.sequence"] for span in spans] == [0, 3]
    assert [span.attributes["millrace.items"] for span in spans] == [2, 2]
    assert [span.parent for span in spans] == [item.id for item in collector.named("item")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["Raising", "AsyncRaising"])
@pytest.mark.parametrize("hook", ["initialize", "process", "flush", "cleanup"])
async def test_a_node_that_fails_has_its_exception_in_its_span(
    runtime_with: OpenRuntime, collector: Collector, place: str, kind: str, hook: str
) -> None:
    pipeline = manifest(
        {"good": "PassThrough", "bad": (kind, {"hook": hook})},
        ["good > bad"],
        places={"good": "native", "bad": place},
    )
    await fail_traced(runtime_with, collector, pipeline)
    for span in (collector.one(f"{hook} bad"), collector.one("session")):
        assert span.is_error
        (exception,) = span.exceptions
        assert exception["exception.type"] == "RuntimeError"
        assert exception["exception.message"] == f"this {hook} always fails"
        assert "in _maybe" in exception["exception.stacktrace"]
    assert collector.one("session").attributes["millrace.outcome"] == "failed"
    assert [item.is_error for item in collector.named("item")] in ([hook == "process"], [])
    assert_whole(collector.received)


@pytest.mark.parametrize("place", PLACES)
async def test_a_node_that_cannot_be_created_has_its_exception_in_its_span(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    pipeline = manifest({"bad": "Unborn"}, places={"bad": place})
    await fail_traced(runtime_with, collector, pipeline)
    assert collector.one("load bad").is_error
    assert collector.one("open").is_error


async def test_a_process_that_is_killed_ends_the_trace_with_an_error_that_names_it(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    pipeline = manifest(
        {"good": "PassThrough", "bad": ("Exiting", {"signal_number": 9})},
        ["good > bad"],
        places={"good": "multiprocess", "bad": "multiprocess"},
    )
    await fail_traced(runtime_with, collector, pipeline)
    (exception,) = collector.one("session").exceptions
    assert exception["exception.type"] == "ProcessExitError"
    assert "node 'bad': its process was killed by SIGKILL" in exception["exception.message"]
    assert len(collector.named("process good")) == 1
    assert_whole(collector.received)


async def test_a_session_that_is_cancelled_has_no_error(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    async with (
        runtime_with(collector.tracing()) as runtime,
        runtime.open_session(chain("PassThrough", PLACES)) as session,
    ):
        await session.send(Text("x"))
        await session.receive()
    session_span = collector.one("session")
    assert not session_span.is_error
    assert_whole(collector.received)


async def test_a_refused_session_has_a_trace_with_the_reason(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    config = collector.tracing()
    config = config.model_copy(
        update={"limits": config.limits.model_copy(update={"max_sessions": 1})}
    )
    async with (
        runtime_with(config) as runtime,
        runtime.open_session(chain("PassThrough", ["native"])),
    ):
        with pytest.raises(MillraceError):
            async with runtime.open_session(chain("PassThrough", ["native"])):
                pytest.fail("it was opened")
    (refused,) = [span for span in collector.named("session") if span.is_error]
    assert refused.exceptions[0]["exception.type"] == "ServerFullError"


@pytest.mark.parametrize("place", PLACES)
async def test_an_item_that_is_cancelled_is_marked_so(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    pipeline = manifest({"slow": ("Slow", {"seconds": 30})}, places={"slow": place})
    async with (
        runtime_with(collector.tracing()) as runtime,
        runtime.open_session(pipeline) as session,
    ):
        await session.send(Text("x"), timestamp_ms=5)
        await session.bus.cancel_call("slow")
        await session.send(Control(CancelSpeculation(5, 5)))
        await session.close_input()
        async for _ in session:
            pass
    for span in collector.named("process slow"):
        assert span.attributes["millrace.interrupted"]
        assert span.attributes["millrace.outputs"] == 0
    assert not any(span.is_error for span in collector.received)


@pytest.mark.parametrize("number", [0, 2**64 - 1])
async def test_a_process_that_was_taken_over_writes_into_its_own_trace_only(
    runtime_with: OpenRuntime, collector: Collector, number: int
) -> None:
    pipeline = manifest({"bad": ("Forging", {"number": number})}, places={"bad": "multiprocess"})
    assert len(await run_traced(runtime_with, collector, pipeline, [Text("x")])) == 1
    (spans,) = collector.traces().values()
    root = collector.one("session")
    forged = collector.named("forged bad")
    assert len(forged) == 2
    for span in forged:
        assert span.attributes["millrace.node.id"] == "bad"
        assert root.start <= span.start <= span.end <= root.end
    assert len(spans) == len(collector.received)


async def test_a_process_that_sends_no_span_is_refused(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    pipeline = manifest({"bad": ("Forging", {"span_id_bytes": 5})}, places={"bad": "multiprocess"})
    error = await fail_traced(runtime_with, collector, pipeline)
    assert isinstance(error, NodeError)
    assert "no message on its control socket" in str(error)


@pytest.mark.parametrize("place", PLACES)
async def test_a_node_gets_the_traceparent_of_its_call(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    first, second, hooks = await run_traced(
        runtime_with,
        collector,
        chain("TraceTeller", [place]),
        [Text("traced"), Text("not traced")],
        item_interval=2,
    )
    assert isinstance(first, Json)
    assert isinstance(second, Json)
    assert isinstance(hooks, Json)
    session = collector.one("session")
    assert first.value == f"00-{session.trace}-{collector.one('process n0').id}-01"
    assert second.value == f"00-{session.trace}-{session.id}-00"
    assert hooks.value == {
        hook: f"00-{session.trace}-{collector.one(f'{hook} n0').id}-01"
        for hook in ("load", "initialize", "flush")
    }


@pytest.mark.parametrize("place", PLACES)
async def test_a_call_of_a_node_over_http_joins_the_trace(
    runtime_with: OpenRuntime, collector: Collector, place: str
) -> None:
    pipeline = manifest({"a": ("Calling", {"url": collector.url})}, places={"a": place})
    await run_traced(runtime_with, collector, pipeline, [Text("x")])
    span = collector.one("process a")
    assert collector.others == [f"00-{span.trace}-{span.id}-01"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_node_has_no_traceparent_where_nothing_is_traced(
    runtime: Runtime, place: str
) -> None:
    results = await run_through(runtime, chain("TraceTeller", [place]), [Text("x")])
    values = [result.data.value for result in results if isinstance(result.data, Json)]
    assert values == [None, {"load": None, "initialize": None, "flush": None}]


async def test_session_rate_0_traces_nothing(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    pipeline = chain("TraceTeller", PLACES)
    await run_traced(runtime_with, collector, pipeline, [Text("x")], session_rate=0)
    assert collector.headers == []


async def test_a_share_of_the_sessions_is_traced(
    runtime_with: OpenRuntime, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter([2**63 - 1, 2**63, 2**64 + 1])
    monkeypatch.setattr(
        "runtime.tracing.tracer.secrets.randbits", lambda bits: next(ids) if bits == 128 else 7
    )
    async with runtime_with(collector.tracing(session_rate=0.5, item_interval=0)) as runtime:
        traced = [
            runtime._begin_trace(runtime.plan(chain("PassThrough", ["native"])), "", None)
            for _ in range(3)
        ]
    assert [trace is not None for trace in traced] == [True, False, True]


async def test_the_lines_of_the_log_name_the_trace(
    runtime_with: OpenRuntime, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "millrace.session")
    await run_traced(runtime_with, collector, chain("PassThrough", ["native"]), [])
    session = collector.one("session")
    lines = [record for record in caplog.records if record.name == "millrace.session"]
    assert {vars(line)["trace_id"] for line in lines} == {session.trace}
    assert {vars(line)["span_id"] for line in lines} == {session.id}


async def test_the_application_keeps_its_own_provider(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    from opentelemetry import trace as global_api

    before = global_api.get_tracer_provider()
    await run_traced(runtime_with, collector, chain("PassThrough", ["native"]), [Text("x")])
    assert global_api.get_tracer_provider() is before
