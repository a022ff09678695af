"""Traces of a server's sessions: clients join theirs, and none mixes with another."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import chunk, control, init, json_buffer, pipeline, text_buffer
from tests.service.raw_client import STREAM_PIPELINE, frame, raw_client
from tests.tracing.collector import Collector

PLACES = ["native", "multiprocess"]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER_PARENT = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"
SERVER_KIND = 2


def run(client: Client, *traceparents: str, node: str = "a") -> None:
    """Run a session with one chunk; send these traceparents with the call."""
    metadata = [("traceparent", each) for each in traceparents]
    manifest = pipeline({node: "PassThrough"}, places={node: "native"})
    stream = client.stream(init(manifest), chunk(text_buffer("x"), 0, node), metadata=metadata)
    with stream:
        stream.send(control("CLOSE"))
        assert stream.rest().closed


@pytest.mark.parametrize("place", PLACES)
def test_the_traces_of_two_concurrent_sessions_never_mix(
    serve: Serve, collector: Collector, place: str
) -> None:
    running = serve(collector.tracing(item_interval=2))
    with connected(running.target) as client, ExitStack() as stack:
        streams = {}
        for names in (("a", "b"), ("c", "d")):
            nodes = dict.fromkeys(names, "PassThrough")
            manifest = pipeline(nodes, [" > ".join(names)], places=dict.fromkeys(names, place))
            streams[names] = stack.enter_context(client.pipeline(manifest))
        for stream in streams.values():
            stream.wait_ready()
        for number in range(6):  # both at the same time
            for names, stream in streams.items():
                stream.send(chunk(json_buffer(number), number, names[0]))
            for stream in streams.values():
                stream.results(1)
        for stream in streams.values():
            stream.send(control("CLOSE"))
            assert stream.rest().closed
    running.stop()
    running.wait_ended()
    traces = collector.traces()
    assert len(traces) == 2
    nodes_of = []
    for spans in traces.values():
        ids = {span.id for span in spans}
        (session,) = [span for span in spans if span.name == "session"]
        assert session.kind == SERVER_KIND
        assert session.attributes["client.address"]
        assert all(span is session or span.parent in ids for span in spans)
        key = "millrace.node.id"
        named = {str(span.attributes[key]) for span in spans if key in span.attributes}
        nodes_of.append(tuple(sorted(named)))
        for node in named:
            processed = [span for span in spans if span.name == f"process {node}"]
            assert sorted(s.attributes["millrace.item.sequence"] for s in processed) == [0, 2, 4]
        assert len([span for span in spans if span.name == "item"]) == 3
    assert sorted(nodes_of) == [("a", "b"), ("c", "d")]


def test_a_session_joins_the_trace_of_its_client(serve: Serve, collector: Collector) -> None:
    running = serve(collector.tracing())
    with connected(running.target) as client:
        run(client, VALID)
        other = Client(client.channel)
        other.metadata = (("traceparent", VALID.replace(PARENT, OTHER_PARENT)),)
        manifest = pipeline({"a": "PassThrough"}, places={"a": "native"})
        assert other.execute(manifest, {"a": text_buffer("x")}).HasField("result")
    running.stop()
    running.wait_ended()
    assert set(collector.traces()) == {TRACE}
    sessions = collector.named("session")
    assert [session.parent for session in sessions] == [PARENT, OTHER_PARENT]
    assert len({item.id for item in collector.named("item")}) == 2


def test_a_client_that_does_not_trace_gets_no_trace(serve: Serve, collector: Collector) -> None:
    running = serve(collector.tracing())
    with connected(running.target) as client:
        run(client, f"00-{TRACE}-{PARENT}-00")
    running.stop()
    running.wait_ended()
    assert collector.received == []


def test_a_traceparent_is_ignored_where_the_operator_does_not_accept_it(
    serve: Serve, collector: Collector
) -> None:
    running = serve(collector.tracing(accept_traceparent=False))
    with connected(running.target) as client:
        run(client, VALID)
        run(client, f"00-{TRACE}-{PARENT}-00")
    running.stop()
    running.wait_ended()
    assert len(collector.traces()) == 2
    assert TRACE not in collector.traces()


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["x"],
        [VALID.upper()],
        [VALID + "-more"],
        [VALID[:-1]],
        ["ff" + VALID[2:]],
        [VALID.replace(TRACE, "0" * 32)],
        [VALID.replace(PARENT, "0" * 16)],
        [VALID.replace("-", "_")],
        [VALID.replace(TRACE, "z" * 32)],
        ["01-" + VALID[3:] + "-" + "a" * 5000],
    ],
)
def test_a_traceparent_that_is_not_valid_is_ignored(
    serve: Serve, collector: Collector, values: Sequence[str]
) -> None:
    running = serve(collector.tracing())
    with connected(running.target) as client:
        run(client, *values)
    running.stop()
    running.wait_ended()
    (trace,) = collector.traces()
    assert trace != TRACE
    assert collector.one("session").parent == ""


@pytest.mark.parametrize("values", [[VALID, VALID], [b"\xff\x00" * 20], [VALID.encode() + b"\x85"]])
def test_headers_that_no_client_library_sends_are_ignored(
    serve: Serve, collector: Collector, values: Sequence[str | bytes]
) -> None:
    running = serve(collector.tracing())
    manifest = pipeline({"a": "PassThrough"}, places={"a": "native"})
    with raw_client(running.port) as client:
        client.connection.config.validate_outbound_headers = False
        client.connection.config.normalize_outbound_headers = False
        stream = client.connection.get_next_available_stream_id()
        more = [("traceparent", value) for value in values]
        client.connection.send_headers(stream, [*client.headers(STREAM_PIPELINE), *more])
        client.send(stream, frame(init(manifest)) + frame(control("CLOSE")))
        assert client.read_to_end(stream)[-1].HasField("closed")
    running.stop()
    running.wait_ended()
    assert TRACE not in collector.traces()
    assert collector.one("session").parent == ""
