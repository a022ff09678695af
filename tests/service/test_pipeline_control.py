"""PipelineControl.Attach, as clients that exist use it: over real sockets, with grpcio."""

import json
import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.service.attaching import Attach, code_name, into, out, state
from tests.service.grpcio_client import Client, Stream
from tests.service.messages import chunk, json_buffer, make, pipeline
from tests.service.serving import ServingThread

PLACES = ["native", "multiprocess"]
ADD = {"operation": "add", "operands": [3.0, 4.0]}
MULTIPLY = {"operation": "multiply", "operands": [10.0, 5.0]}


@pytest.fixture(params=PLACES)
def stream(client: Client, request: pytest.FixtureRequest) -> Iterator[Stream]:
    """A session of one calculator, without chunks of its own."""
    manifest = pipeline({"calc": "CalculatorNode"}, places={"calc": request.param})
    with client.pipeline(manifest) as opened:
        yield opened


@pytest.fixture
def session_id(stream: Stream) -> str:
    return str(stream.wait_ready().session_id)


def test_an_unknown_session_cannot_be_attached_to(client: Client) -> None:
    with Attach(client, "does-not-exist") as attach, pytest.raises(grpc.RpcError) as raised:
        attach.attached()
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("first", ["subscribe", "empty", "nothing"])
def test_the_first_frame_must_be_hello(client: Client, first: str) -> None:
    with Attach(client, None) as attach:
        if first == "subscribe":
            attach.subscribe("calc")
        elif first == "empty":
            attach.send(None)
        else:
            attach.end()
        with pytest.raises(grpc.RpcError) as raised:
            attach.attached()
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_attached_is_the_first_event_and_echoes(client: Client, session_id: str) -> None:
    with Attach(client, session_id, "mine") as attach:
        attached = attach.attached()
        assert (attached.session_id, attached.attach_id) == (session_id, "mine")
    with Attach(client, session_id) as attach:
        assert attach.attached().attach_id == ""


def test_half_close_ends_an_attach_and_leaves_the_session(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.end()
        assert list(attach.call) == []
        assert attach.call.code() is grpc.StatusCode.OK
    stream.send(chunk(json_buffer(ADD), 0, "calc"))
    assert len(stream.results(1)) == 1


def test_a_published_item_is_tapped_and_reaches_the_streams_client(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("calc")
        attach.publish("calc", ADD)
        tap = attach.next("tap")
        assert json.loads(tap.data.json.json_payload)["result"] == 7.0
        assert tap.addr == out("calc")
    (result,) = stream.results(1)
    assert json.loads(result.data_outputs["calc"].json.json_payload)["result"] == 7.0
    assert result.sequence == 0


def test_states_hold_from_the_next_item_on(client: Client, session_id: str) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("calc")
        attach.send("set_node_state", node_id="calc", state=state("BYPASS"))
        attach.publish("calc", MULTIPLY)
        attach.send("clear_node_state", node_id="calc")
        attach.publish("calc", MULTIPLY)
        attach.send("set_node_state", node_id="calc", state=state("DISABLED"))
        attach.publish("calc", MULTIPLY)
        attach.send("set_node_state", node_id="calc", state=state("ENABLED"))
        attach.publish("calc", ADD)
        first, second, third = attach.tapped(), attach.tapped(), attach.tapped()
    assert first == MULTIPLY
    assert second["result"] == 50.0
    assert third["result"] == 7.0


def test_node_states_outlive_the_attach_and_taps_do_not(client: Client, session_id: str) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("calc")
        attach.send("set_node_state", node_id="calc", state=state("BYPASS"))
        attach.publish("calc", ADD)
        assert attach.tapped() == ADD
        attach.end()
        assert list(attach.call) == []
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.publish("calc", ADD)
        attach.subscribe("calc")
        attach.send("clear_node_state", node_id="calc")
        attach.publish("calc", ADD)
        while (value := attach.tapped()) == ADD:
            pass  # the one before, where the tap came in time for it
        assert value["result"] == 7.0


def test_an_intercept_replaces_an_output_and_the_tap_shows_the_original(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("calc")
        attach.send("intercept", addr=out("calc"), deadline_ms=10_000)
        for decision in (
            {"replace": json_buffer({"result": 999})},
            {"drop": make("Empty")},
            {"pass": make("Empty")},
        ):
            attach.publish("calc", ADD)
            assert attach.tapped()["result"] == 7.0
            request = attach.next("intercept_request")
            assert request.addr == out("calc")
            reply = make("InterceptDecision", **decision)
            attach.send("intercept_reply", correlation_id=12345, decision=reply)
            attach.send("intercept_reply", correlation_id=request.correlation_id, decision=reply)
        attach.send("remove_intercept", addr=out("calc"))
        attach.publish("calc", MULTIPLY)
        assert attach.tapped()["result"] == 50.0
    values = [
        json.loads(each.data_outputs["calc"].json.json_payload)["result"]
        for each in stream.results(3)
    ]
    assert values == [999, 7.0, 50.0]


def test_an_output_passes_when_nobody_replies(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.send("intercept", addr=out("calc"))
        attach.publish("calc", ADD)
        attach.next("intercept_request")
        assert len(stream.results(1)) == 1
        attach.send("intercept", addr=out("calc"), deadline_ms=60_000)
        attach.publish("calc", ADD)
        attach.next("intercept_request")
        attach.send("remove_intercept", addr=out("calc"))
        assert len(stream.results(1)) == 1
        attach.send("intercept", addr=out("calc"), deadline_ms=60_000)
        attach.publish("calc", ADD)
        attach.next("intercept_request")
    assert len(stream.results(1)) == 1


FAULTS = [
    ("subscribe", {}, "INVALID_ADDRESS"),
    ("subscribe", {"addr": into("calc")}, "INVALID_ADDRESS"),
    ("subscribe", {"addr": out("nobody")}, "UNKNOWN_NODE"),
    ("unsubscribe", {"addr": out("nobody")}, "UNKNOWN_NODE"),
    ("publish", {"data": json_buffer(ADD)}, "INVALID_ADDRESS"),
    ("publish", {"addr": out("calc"), "data": json_buffer(ADD)}, "INVALID_ADDRESS"),
    ("publish", {"addr": into("calc")}, "INVALID_ADDRESS"),
    ("publish", {"addr": into("nobody"), "data": json_buffer(ADD)}, "UNKNOWN_NODE"),
    ("publish", {"addr": into("calc"), "data": make("DataBuffer")}, "INTERNAL"),
    (
        "publish",
        {
            "addr": into("calc"),
            "data": make("DataBuffer", text=make("TextBuffer", text_data=b"no JSON")),
        },
        "INTERNAL",
    ),
    ("intercept", {"addr": into("calc")}, "INVALID_ADDRESS"),
    ("intercept", {"addr": out("nobody")}, "UNKNOWN_NODE"),
    ("remove_intercept", {"addr": into("calc")}, "INVALID_ADDRESS"),
    ("intercept_reply", {"correlation_id": 1}, "PROTOCOL"),
    ("set_node_state", {"node_id": "calc"}, "PROTOCOL"),
    ("set_node_state", {"node_id": "nobody", "state": state("BYPASS")}, "UNKNOWN_NODE"),
    ("clear_node_state", {"node_id": "nobody"}, "UNKNOWN_NODE"),
    ("set_node_state", {"node_id": "__perf__", "state": state("BYPASS")}, "UNKNOWN_NODE"),
    ("clear_node_state", {"node_id": "__system__"}, "UNKNOWN_NODE"),
    ("subscribe", {"addr": out("calc", "p" * 256)}, "INVALID_ADDRESS"),
    ("publish", {"addr": into("calc", "p" * 256), "data": json_buffer(ADD)}, "INVALID_ADDRESS"),
    ("hello", {"session_id": "x"}, "PROTOCOL"),
    (None, {}, "PROTOCOL"),
]


def test_a_wrong_frame_is_answered_by_an_error_and_the_attach_goes_on(
    client: Client, session_id: str
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        for kind, fields, code in FAULTS:
            attach.send(kind, **fields)
            assert code_name(attach.next("error")) == code, (kind, fields)
        attach.subscribe("calc")
        attach.publish("calc", ADD)
        assert attach.tapped()["result"] == 7.0


def test_the_end_of_the_session_is_the_last_event(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        stream.end()
        closed = attach.next("session_closed")
        assert closed.reason == 1
        assert list(attach.call) == []
        assert attach.call.code() is grpc.StatusCode.OK
    with Attach(client, session_id) as attach, pytest.raises(grpc.RpcError) as raised:
        attach.attached()
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_failed_session_is_told_with_its_error(
    client: Client, session_id: str, stream: Stream
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.publish("calc", {"operation": "divide", "operands": [1, 0]})
        closed = attach.next("session_closed")
        assert closed.reason == 2
        assert "calc" in closed.detail
    assert [error.failing_node_id for error in stream.rest().of("error")] == ["calc"]


def test_an_attach_needs_a_token(serve: Any) -> None:
    from tests.service.grpcio_client import connected

    server: ServingThread = serve(environment={"GRPC_AUTH_TOKENS": "secret"})
    with (
        connected(server.target) as anonymous,
        Attach(anonymous, "any") as attach,
        pytest.raises(grpc.RpcError) as raised,
    ):
        attach.attached()
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_reserved_nodes_show_the_session_and_its_statistics(
    client: Client, session_id: str
) -> None:
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("__system__")
        assert attach.tapped()["event"] == "session_state"
        attach.subscribe("__perf__")
        assert set(attach.tapped()["nodes"]) == {"calc"}


def test_random_frames_of_four_attaches_change_nothing_but_what_they_ask_for(
    client: Client, session_id: str, stream: Stream
) -> None:
    generator = random.Random(20261126)
    attaches = [Attach(client, session_id) for _ in range(4)]
    try:
        for attach in attaches:
            attach.attached()
        for number in range(500):
            attach = generator.choice(attaches)
            match generator.randrange(8):
                case 0:
                    attach.subscribe(generator.choice(["calc", "nobody", "__perf__"]))
                case 1:
                    attach.send("unsubscribe", addr=out("calc"))
                case 2:
                    attach.send("intercept", addr=out("calc"), deadline_ms=1)
                case 3:
                    attach.send("remove_intercept", addr=out("calc"))
                case 4:
                    attach.send("intercept_reply", correlation_id=number)
                case 5:
                    attach.send("set_node_state", node_id="calc", state=state("ENABLED"))
                case 6:
                    attach.send(None)
                case _:
                    stream.send(chunk(json_buffer(ADD), number, "calc"))
        stream.end()
        results = stream.rest().results
    finally:
        for attach in attaches:
            attach.__exit__()
    assert len(results) > 30
    sequences = [result.sequence for result in results]
    assert sequences == sorted(set(sequences))
    values = {
        json.loads(result.data_outputs["calc"].json.json_payload)["result"] for result in results
    }
    assert values == {7.0}
