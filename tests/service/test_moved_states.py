"""What nodes remember passes through a client, which cannot change it or use that of others."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from runtime import RuntimeConfig
from runtime.errors import ConfigError
from tests.conftest import runtime_opener
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, Stream, connected
from tests.service.messages import (
    chunk,
    control,
    error_name,
    init,
    make,
    pipeline,
    text_buffer,
)
from tests.service.serving import ServingThread, serving

TOKENS = {"GRPC_AUTH_TOKENS": "alice,bob"}
COUNT = pipeline({"a": "EchoNode"})
PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def settings(tmp_path: Path, *keys: str, **limits: int) -> RuntimeConfig:
    file = tmp_path / "keys"
    file.write_text("\n".join(keys))
    return RuntimeConfig.model_validate({"server": {"state_key_file": str(file)}, "limits": limits})


@pytest.fixture(scope="module")
def moving(
    forkserver: Any, warm_client_library: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServingThread, Client, Client]]:
    """A server whose streams move, and the clients alice and bob of it."""
    config = settings(tmp_path_factory.mktemp("keys"), 32 * "k", max_state_bytes=2000)
    with ExitStack() as stack:
        running = stack.enter_context(serving(runtime_opener(forkserver), config, TOKENS))
        alice, bob = (
            stack.enter_context(connected(running.target, token=token))
            for token in ("alice", "bob")
        )
        assert alice.version().compatible
        assert bob.version().compatible
        yield running, alice, bob


@pytest.fixture
def alice(moving: tuple[ServingThread, Client, Client]) -> Iterator[Client]:
    yield moving[1]
    moving[0].settle(clients=2)


@pytest.fixture
def bob(moving: tuple[ServingThread, Client, Client]) -> Client:
    return moving[2]


def state(data: bytes) -> Any:
    return make("StreamRequest", state=make("SessionState", data=data))


def texts(count: int) -> list[Any]:
    return [chunk(text_buffer("x"), number) for number in range(count)]


def echoed(results: list[Any]) -> list[str]:
    return [each.data_outputs["a"].text.text_data.decode() for each in results]


def moved(client: Client, manifest: Any = COUNT, count: int = 2) -> bytes:
    """Run a stream, move it away, and return its state."""
    with client.pipeline(manifest, takes_state=True) as stream:
        assert stream.wait_ready().moves_state
        stream.send(*texts(count), control("MOVE"))
        closed = stream.rest().closed
    assert closed.chunks_taken == count
    return bytes(closed.state.data)


def resumed(client: Client, manifest: Any = COUNT, *requests: Any, **fields: Any) -> Stream:
    return client.pipeline(manifest, *requests, resumes=True, takes_state=True, **fields)


@PLACES
def test_a_session_goes_on_with_the_state_of_another_one(alice: Client, place: str) -> None:
    count = pipeline({"a": "EchoNode"}, places={"a": place})
    with resumed(alice, count, state(moved(alice, count)), *texts(1), control("CLOSE")) as stream:
        assert stream.wait_ready().moves_state
        rest = stream.rest()
    assert echoed(rest.results) == ["Echo #3: x"]
    assert rest.closed.chunks_taken == 1
    assert not rest.closed.HasField("state")


def test_a_move_flushes_nothing_and_keeps_what_was_held(alice: Client) -> None:
    collect = pipeline({"a": "TextCollectorNode"})
    with alice.pipeline(collect, takes_state=True) as stream:
        stream.wait_ready()
        stream.send(chunk(text_buffer("One. Two"), 0), control("MOVE"))
        rest = stream.rest()
    assert echoed(rest.results) == ["One."]
    go_on = [state(bytes(rest.closed.state.data)), chunk(text_buffer(" and"), 1)]
    with resumed(alice, collect, *go_on, control("CLOSE")) as stream:
        stream.wait_ready()
        assert echoed(stream.rest().results) == ["Two and"]


def test_a_client_that_takes_no_state_gets_none(alice: Client) -> None:
    with alice.pipeline(COUNT) as stream:
        assert not stream.wait_ready().moves_state
        stream.send(control("MOVE"))
        error = stream.rest().error
    assert error_name(error) == "VALIDATION"
    assert "MOVE needs moves_state of ready" in error.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "was changed"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "was changed"),
        (lambda data: data[:40], "was changed"),
        (lambda data: b"", "was changed"),
        (lambda data: data + bytes(3 * 2**20), "a state of .* bytes; a session may move with 2000"),
    ],
)
def test_a_state_that_was_changed_is_refused(alice: Client, change: Any, words: str) -> None:
    with resumed(alice, COUNT, state(change(moved(alice)))) as stream:
        assert_matches(stream, words)


def test_a_state_is_of_one_client_and_one_pipeline(alice: Client, bob: Client) -> None:
    data = moved(alice)
    others = [(bob, COUNT), (alice, pipeline({"b": "EchoNode"})), (alice, pipeline({"a": "Hoard"}))]
    for client, manifest in others:
        with resumed(client, manifest, state(data)) as stream:
            assert_matches(stream, "another pipeline, or of a client with another token")


def test_an_old_state_is_refused(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.service.moved_state._LASTS_SECONDS", -1)
    with resumed(alice, COUNT, state(moved(alice))) as stream:
        assert_matches(stream, "the state is too old")


@pytest.mark.parametrize(
    "requests",
    [texts(1), [control("MOVE")], [control("CLOSE")], [init(COUNT)]],
    ids=["chunk", "MOVE", "CLOSE", "init"],
)
def test_a_session_that_awaits_a_state_takes_nothing_else(
    alice: Client, requests: list[Any]
) -> None:
    with resumed(alice, COUNT, *requests) as stream:
        assert_matches(stream, "the next message must be state, or CANCEL")


def test_a_session_that_awaits_a_state_can_be_cancelled_or_left(alice: Client) -> None:
    with resumed(alice, COUNT) as stream:
        stream.wait_ready()
        stream.send(control("CANCEL"))
        assert not stream.rest().closed.HasField("state")
    with resumed(alice, COUNT) as stream:
        stream.wait_ready()


def test_a_state_comes_once_and_only_where_it_was_announced(alice: Client) -> None:
    data = moved(alice)
    with resumed(alice, COUNT, state(data), state(data)) as stream:
        assert_matches(stream, "state is sent once")
    with alice.pipeline(COUNT, state(data), takes_state=True) as stream:
        assert_matches(stream, "after an init with resumes")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"a": "PassThrough"}, "init has resumes, but no node has a state"),
        ({"a": "Slow"}, "init has resumes, but node 'a' does not export its state"),
    ],
)
def test_a_pipeline_without_a_state_cannot_be_resumed(
    alice: Client, nodes: Any, words: str
) -> None:
    with resumed(alice, pipeline(nodes)) as stream:
        assert_matches(stream, words)


@PLACES
@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"size": 3000}, r"export_state\(\): it returned 3003 bytes; .*limits.max_state_bytes"),
        ({"fails": True}, r"export_state\(\) raised RuntimeError: the state is locked"),
    ],
)
def test_a_node_that_cannot_export_ends_its_session_and_is_named(
    alice: Client, place: str, params: dict[str, Any], words: str
) -> None:
    hoard = pipeline({"a": ("Hoard", params)}, places={"a": place})
    with alice.pipeline(hoard, takes_state=True) as stream:
        stream.wait_ready()
        stream.send(*texts(1), control("MOVE"))
        rest = stream.rest()
    assert rest.sequences == [0]
    assert rest.error.failing_node_id == "a"
    assert_words(rest.error.message, words)


def test_states_that_are_too_large_together_end_the_session(alice: Client) -> None:
    nodes = {"a": ("Hoard", {"size": 1500}), "b": ("Hoard", {"size": 1500})}
    with alice.pipeline(pipeline(nodes, ["a > b"]), takes_state=True) as stream:
        stream.wait_ready()
        stream.send(control("MOVE"))
        assert_matches(stream, "the states of the nodes have 3006 bytes")


def test_a_server_that_ends_a_stream_gives_its_state_back(serve: Serve, tmp_path: Path) -> None:
    """But none of a session that was to go on with one that has not arrived."""
    server = serve(settings(tmp_path, 32 * "k"))
    collect = pipeline({"a": "TextCollectorNode"})
    with connected(server.target) as client, ExitStack() as stack:
        taken, awaiting, other = (
            stack.enter_context(client.pipeline(collect, **fields))
            for fields in ({"takes_state": True}, {"takes_state": True, "resumes": True}, {})
        )
        for stream in (taken, awaiting, other):
            stream.wait_ready()
        for stream in (taken, other):
            stream.send(chunk(text_buffer("One. Two"), 0))
            assert echoed(stream.results(1)) == ["One."]
        draining = threading.Thread(target=server.drain, args=[0.05])
        draining.start()
        ended = [stream.rest() for stream in (taken, awaiting, other)]
        draining.join()
    assert [echoed(each.results) for each in ended] == [[], [], ["Two"]]
    assert [each.closed.HasField("state") for each in ended] == [True, False, False]
    assert [each.closed.chunks_taken for each in ended] == [1, 0, 1]
    assert {each.closed.reason for each in ended} == {"the server is shutting down"}


@PLACES
def test_a_node_that_refuses_its_state_ends_its_session_and_is_named(
    alice: Client, place: str
) -> None:
    hoard = pipeline({"a": ("Hoard", {"refuses": True})}, places={"a": place})
    with resumed(alice, hoard, state(moved(alice, hoard))) as stream:
        error = stream.rest().error
    assert error.failing_node_id == "a"
    assert_words(error.message, r"import_state\(\) raised ValueError: this is not my state")


def test_servers_with_a_new_key_still_take_states_of_the_old_one(
    serve: Serve, tmp_path: Path, alice: Client
) -> None:
    new = serve(settings(tmp_path, 32 * "n", 32 * "k"), TOKENS)
    with connected(new.target, token="alice") as client:
        with resumed(client, COUNT, state(moved(alice)), *texts(1), control("CLOSE")) as stream:
            stream.wait_ready()
            assert echoed(stream.rest().results) == ["Echo #3: x"]
        data = moved(client)
    with resumed(alice, COUNT, state(data)) as stream:
        assert_matches(stream, "not made by a server with one of the keys of this one")


def test_without_a_key_no_stream_moves_with_its_state(client: Client) -> None:
    with client.pipeline(COUNT, takes_state=True) as stream:
        assert not stream.wait_ready().moves_state
    with resumed(client, COUNT) as stream:
        assert_matches(stream, "this server has no server.state_key_file")


@pytest.mark.parametrize("content", ["", "short\n", "# only a comment\n"])
def test_a_file_without_a_proper_key_is_refused(serve: Serve, tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError, match="state_key_file.*expected keys of 32 characters or more"):
        serve(settings(tmp_path, content))


def assert_matches(stream: Stream, words: str) -> None:
    assert_words(stream.rest().error.message, words)


def assert_words(message: str, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        raise RuntimeError(message)
