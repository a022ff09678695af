"""millrace.v1.Operations: listing, watching and ending sessions, with the operator's own token."""

import grpc
import pytest

from tests.service.attaching import Attach
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import chunk, json_buffer, message_class, pipeline
from tests.service.operating import TOKENS, call, watch

ADD = {"operation": "add", "operands": [3.0, 4.0]}
CALCULATOR = pipeline({"calc": "CalculatorNode"}, places={"calc": "native"})


def test_operations_are_off_without_an_admin_token(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(client, "ListSessions")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "admin_tokens_file" in str(raised.value.details())


@pytest.mark.parametrize("token", [None, "anna", "wrong"])
def test_operations_refuse_every_other_token(serve: Serve, token: str | None) -> None:
    server = serve(environment=TOKENS)
    with connected(server.target, token=token) as client, pytest.raises(grpc.RpcError) as raised:
        call(client, "ListSessions")
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_operator_lists_and_ends_the_sessions_of_clients(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with (
        connected(server.target, token="anna") as anna,
        connected(server.target, token="operator") as operator,
        anna.pipeline(CALCULATOR) as stream,
    ):
        session_id = stream.wait_ready().session_id
        (session,) = call(operator, "ListSessions").sessions
        assert (session.session_id, session.pipeline) == (session_id, "test")
        assert session.peer.startswith("127.0.0.1:")
        assert [node.node_id for node in session.nodes] == ["calc"]
        call(operator, "KillSession", session_id=session_id, reason="maintenance")
        (error,) = stream.rest().of("error")
        assert "maintenance" in error.message
        assert list(call(operator, "ListSessions").sessions) == []
        with pytest.raises(grpc.RpcError) as raised:
            call(operator, "KillSession", session_id=session_id)
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_operator_watches_the_items_of_a_session(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with (
        connected(server.target, token="anna") as anna,
        connected(server.target, token="operator") as operator,
        anna.pipeline(CALCULATOR) as stream,
    ):
        session_id = stream.wait_ready().session_id
        events = watch(operator, "WatchItems", session_id=session_id)
        began = next(events)
        assert began.began.entries["session_id"] == session_id
        stream.send(chunk(json_buffer(ADD), 5, "calc"))
        entered, emitted = next(events).item, next(events).item
        assert (entered.node_id, entered.is_input) == ("calc", True)
        assert (emitted.node_id, emitted.is_input) == ("calc", False)
        assert message_class("DataChunk").FromString(emitted.chunk).sequence == 5
        stream.end()
        assert [event.WhichOneof("event") for event in events] == ["ended"]


def test_a_client_attaches_to_its_own_sessions_and_the_operator_to_all(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with (
        connected(server.target, token="anna") as anna,
        connected(server.target, token="bert") as bert,
        connected(server.target, token="operator") as operator,
        anna.pipeline(CALCULATOR) as stream,
    ):
        session_id = stream.wait_ready().session_id
        for client in (anna, operator):
            with Attach(client, session_id) as attach:
                attach.attached()
        with Attach(bert, session_id) as attach, pytest.raises(grpc.RpcError) as raised:
            attach.attached()
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
