"""millrace.v1.Operations: snapshots of the server and of a session, its latency, its ending."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from runtime import RuntimeConfig
from tests.conftest import runtime_opener
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, Stream, connected
from tests.service.messages import chunk, control, json_buffer, make, pipeline
from tests.service.operating import TOKENS, call, watch
from tests.service.raw_client import frame, raw_client
from tests.service.serving import ServingThread, serving
from tests.service.test_endings import ENDINGS

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
QUICK = {"interval_ms": 200}
PARTS = ("queue_ns", "wire_ns", "hold_ns", "process_ns", "send_ns")


@pytest.fixture(scope="module")
def module_served(forkserver: Any, warm_client_library: None) -> Iterator[ServingThread]:
    with serving(runtime_opener(forkserver), RuntimeConfig(), TOKENS) as running:
        yield running


@pytest.fixture
def server(module_served: ServingThread) -> Iterator[ServingThread]:
    yield module_served
    module_served.settle()


@pytest.fixture
def operator(server: ServingThread) -> Iterator[Client]:
    with connected(server.target, token="operator") as client:
        yield client


@pytest.fixture
def anna(server: ServingThread) -> Iterator[Client]:
    with connected(server.target, token="anna") as client:
        yield client


def one(kind: Any, place: str, **settings: Any) -> Any:
    return pipeline({"a": kind}, places={"a": place}, **settings)


def until(snapshots: Any, wanted: Callable[[Any], bool]) -> Any:
    """Return the first snapshot that is wanted; the call's deadline ends the search."""
    return next(snapshot for snapshot in snapshots if wanted(snapshot))


def has_counted(items: int) -> Callable[[Any], bool]:
    """Return whether a session of one node has counted so many items, and its node too."""

    def wanted(snapshot: Any) -> bool:
        (node,) = snapshot.session.nodes
        return bool(snapshot.session.items_out == node.items_out == items)

    return wanted


def send_and_receive(stream: Stream, count: int) -> None:
    for number in range(count):
        stream.send(chunk(json_buffer(number), number))
        stream.results(1)


@PLACES
def test_a_session_is_seen_at_work(anna: Client, operator: Client, place: str) -> None:
    with anna.pipeline(one(("Burn", {"seconds": 0.02}), place)) as stream:
        session_id = stream.wait_ready().session_id
        snapshots = watch(operator, "WatchSession", session_id=session_id, **QUICK)
        first = next(snapshots)
        assert first.session.session_id == session_id
        assert not first.HasField("ending")
        send_and_receive(stream, 20)
        later = until(snapshots, has_counted(20))
        assert later.clock_seconds > first.clock_seconds
        session = later.session
        (node,) = session.nodes
        assert (node.node_id, node.node_type, node.executor) == ("a", "Burn", place)
        assert (node.items_in, node.items_out, session.items_in) == (20, 20, 20)
        assert node.processing_seconds > 0.3
        assert 15 < node.recent_p50_ms <= node.recent_p99_ms
        assert {(link.producer, link.reader) for link in session.links} == {("", "a"), ("a", "")}
        assert all(link.credits > 0 for link in session.links)
        assert (node.process_id > 0) == (place == "multiprocess")
        assert (node.memory_bytes > 1_000_000) == (place == "multiprocess")
        assert (node.cpu_seconds > 0.3) == (place == "multiprocess")


@PLACES
def test_the_slowest_node_is_named(anna: Client, operator: Client, place: str) -> None:
    manifest = pipeline(
        {"quick": "PassThrough", "slow": ("Slow", {"seconds": 0.05})},
        ["quick > slow"],
        places={"quick": place, "slow": place},
    )
    with anna.pipeline(manifest) as stream:
        session_id = stream.wait_ready().session_id
        stream.send(*(chunk(json_buffer(number), number, "quick") for number in range(60)))
        for method, fields in (
            ("WatchSession", {"session_id": session_id}),
            ("WatchServer", {}),
        ):
            snapshots = watch(operator, method, **fields, **QUICK)

            def session_of(snapshot: Any) -> Any:
                return snapshot.session if hasattr(snapshot, "session") else snapshot.sessions[0]

            found = until(snapshots, lambda each: session_of(each).slowest_node)
            assert session_of(found).slowest_node == "slow"
            assert 0 < session_of(found).slowest_busy <= 1
            snapshots.cancel()


def test_a_full_link_is_seen(anna: Client, operator: Client) -> None:
    manifest = one(("Slow", {"seconds": 30}), "native", channel_capacity=4)
    with anna.pipeline(manifest) as stream:
        session_id = stream.wait_ready().session_id
        stream.send(*(chunk(json_buffer(number), number) for number in range(8)))
        snapshots = watch(operator, "WatchSession", session_id=session_id, **QUICK)
        full = until(snapshots, lambda each: each.session.fullest_link == 1)
        links = {(link.producer, link.reader): link for link in full.session.links}
        assert (links["", "a"].waiting_items, links["", "a"].credits) == (4, 0)
        snapshots.cancel()


def test_the_last_snapshot_of_a_session_has_its_ending(anna: Client, operator: Client) -> None:
    with anna.pipeline(one("PassThrough", "native")) as stream:
        session_id = stream.wait_ready().session_id
        snapshots = watch(operator, "WatchSession", session_id=session_id, interval_ms=60_000)
        next(snapshots)
        send_and_receive(stream, 3)
        stream.send(control("CLOSE"))
        stream.rest()
        (last,) = snapshots
    ending = last.ending
    assert (ending.session_id, ending.outcome) == (session_id, "completed")
    assert (ending.reason, ending.items_in, ending.items_out) == ("client_close", 3, 3)
    assert last.session.items_out == 3


def test_the_server_is_seen_with_its_sessions(anna: Client, operator: Client) -> None:
    snapshots = watch(operator, "WatchServer", **QUICK)
    before = next(snapshots)
    assert list(before.sessions) == []
    assert before.server.max_sessions == 100
    assert before.server.memory_bytes > 10_000_000
    assert before.server.shared_memory_size_bytes > 0
    with anna.pipeline(one("PassThrough", "multiprocess")) as stream:
        session_id = stream.wait_ready().session_id
        send_and_receive(stream, 2)
        during = until(snapshots, lambda each: each.sessions and each.sessions[0].items_out == 2)
        (session,) = during.sessions
        assert (session.session_id, session.pipeline) == (session_id, "test")
        assert dict(during.server.sessions) == {"executing": 1}
        assert (session.node_count, session.process_count) == (1, 1)
        assert (list(session.nodes), list(session.links)) == ([], [])
        assert during.server.shared_memory_bytes > 0
        assert session.memory_bytes > 1_000_000
        assert during.server.processes_memory_bytes > 1_000_000
        stream.send(control("CLOSE"))
        stream.rest()
    after = until(snapshots, lambda each: not each.sessions)
    assert after.server.last_ending == before.server.last_ending + 1
    completed = before.server.ended_sessions.get("completed", 0)
    assert after.server.ended_sessions["completed"] == completed + 1
    snapshots.cancel()


def test_recent_endings_continue_after_a_number(anna: Client, operator: Client) -> None:
    def run() -> None:
        with anna.pipeline(one("PassThrough", "native"), control("CLOSE")) as stream:
            stream.rest()

    run()
    last = call(operator, "RecentEndings").endings[-1].number
    run()
    run()
    endings = call(operator, "RecentEndings", after=last).endings
    assert [ending.number for ending in endings] == [last + 1, last + 2]
    assert all(ending.opened_ms <= ending.ended_ms for ending in endings)
    assert list(call(operator, "RecentEndings", after=last + 2).endings) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_end_of_a_session_is_listed_with_its_reason(
    server: ServingThread, anna: Client, operator: Client, ending: str
) -> None:
    run, outcome, reason, node = ENDINGS[ending]
    known = call(operator, "RecentEndings").endings
    run(anna)
    server.settle(clients=2)
    (ended,) = call(operator, "RecentEndings", after=known[-1].number if known else 0).endings
    assert (ended.outcome, ended.reason, ended.node_id) == (outcome, reason, node), ended
    assert (ended.pipeline, bool(ended.detail)) == ("test", outcome == "failed")
    assert ended.peer.startswith("127.0.0.1:")


@pytest.mark.parametrize("method", ["WatchServer", "WatchSession"])
@pytest.mark.parametrize("interval", [1, 199, 60_001])
def test_an_interval_out_of_bounds_is_refused(operator: Client, method: str, interval: int) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        next(watch(operator, method, interval_ms=interval))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "200 to 60000" in str(raised.value.details())


def test_a_session_that_is_not_open_cannot_be_watched(operator: Client) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        next(watch(operator, "WatchSession", session_id="nobody"))
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("method", ["WatchServer", "WatchSession", "RecentEndings"])
def test_clients_may_not_watch(anna: Client, method: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        next(watch(anna, method))
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_number_of_watches_is_bounded(operator: Client, server: ServingThread) -> None:
    watches = [watch(operator, "WatchServer", interval_ms=60_000) for _ in range(16)]
    for each in watches:
        next(each)
    with pytest.raises(grpc.RpcError) as raised:
        next(watch(operator, "WatchServer"))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    for each in watches:
        each.cancel()
    server.settle(clients=1)
    with pytest.raises(grpc.RpcError) as gone:
        next(watches[0])
    assert gone.value.code() is grpc.StatusCode.CANCELLED


def test_a_watch_ends_with_the_server(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with connected(server.target, token="operator") as operator:
        snapshots = watch(operator, "WatchServer", interval_ms=60_000)
        next(snapshots)
        server.stop()
        with pytest.raises(grpc.RpcError) as raised:
            next(snapshots)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_that_does_not_read_gets_no_old_snapshots(
    server: ServingThread, operator: Client
) -> None:
    path, kind = "/millrace.v1.Operations/WatchServer", "millrace.v1.WatchServerResponse"
    request = frame(make("millrace.v1.WatchServerRequest", **QUICK))
    with raw_client(server.port, window=50) as slow:
        stream = slow.call(path, request, end=True, authorization="Bearer operator")
        others = watch(operator, "WatchServer", **QUICK)
        for _ in range(6):
            last = next(others)
        others.cancel()
        slow.read_until(lambda: len(slow.responses(stream, kind)) >= 2)
        first, second = slow.responses(stream, kind)[:2]
    assert first.time_ms < last.time_ms - 500
    assert second.time_ms > last.time_ms - 300


def two_nodes(place: str) -> Any:
    return pipeline(
        {"a": "PassThrough", "b": ("Burn", {"seconds": 0.01})},
        ["a > b"],
        places={"a": "native", "b": place},
    )


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_a_session_is_explained_from_the_call_on_to_its_end(
    anna: Client, operator: Client, place: str
) -> None:
    with anna.pipeline(two_nodes(place)) as stream:
        session_id = stream.wait_ready().session_id
        send_and_receive(stream, 2)
        responses = watch(
            operator, "ExplainSession", session_id=session_id, all_chunks=True, **QUICK
        )
        assert next(responses).latency.results == 0
        send_and_receive(stream, 10)
        latency = until(responses, lambda each: each.latency.results == 10).latency
        assert (latency.chunk_interval, latency.incomplete) == (1, 0)
        assert [each.quantile for each in latency.quantiles] == [0.5, 0.99]
        for each in (*latency.quantiles, *latency.typical, *latency.slowest):
            assert [stay.node_id for stay in each.stays] == ["", "a", "b", ""]
            sums = sum(getattr(stay, part) for stay in each.stays for part in PARTS)
            assert sums == each.total_ns
            # The actor reads another clock than the session, and its reading takes time too.
            assert each.stays[2].process_ns >= 9_000_000
        assert latency.quantiles[0].diagnosis
        stream.send(control("CLOSE"))
        *_, last = responses
        assert last.latency.results == 10
        assert last.ending.outcome == "completed"


def test_a_session_that_is_not_followed_by_all_chunks_is_followed_too(
    anna: Client, operator: Client
) -> None:
    with anna.pipeline(two_nodes("native")) as stream:
        session_id = stream.wait_ready().session_id
        responses = watch(operator, "ExplainSession", session_id=session_id, **QUICK)
        assert next(responses).latency.chunk_interval == 1
        send_and_receive(stream, 3)
        assert until(responses, lambda each: each.latency.results == 3)
        responses.cancel()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"session_id": "nobody"}, grpc.StatusCode.NOT_FOUND),
        ({"session_id": "nobody", "interval_ms": 1}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_wrong_request_is_refused(
    operator: Client, fields: dict[str, Any], status: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(watch(operator, "ExplainSession", **fields))
    assert caught.value.code() is status


def test_a_clients_token_is_refused(anna: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(watch(anna, "ExplainSession", session_id="any"))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_too_many_calls_are_refused_and_room_comes_back(anna: Client, operator: Client) -> None:
    with anna.pipeline(two_nodes("native")) as stream:
        session_id = stream.wait_ready().session_id
        opened = [watch(operator, "ExplainSession", session_id=session_id) for _ in range(8)]
        for each in opened:
            next(each)
        with pytest.raises(grpc.RpcError) as caught:
            next(watch(operator, "ExplainSession", session_id=session_id))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        call(operator, "KillSession", session_id=session_id, reason="enough")
        for each in opened:
            *_, last = each
            assert last.ending.reason == "killed"
