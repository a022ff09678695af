"""However a session ends, the log has exactly one line that tells why."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from runtime import RuntimeConfig
from runtime.config import Log
from runtime.logs import log_written
from tests.conftest import ROOT
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import (
    audio_buffer,
    chunk,
    control,
    init,
    json_buffer,
    make,
    pipeline,
    text_buffer,
)
from tests.service.serving import ServingThread

PLACES = ["native", "multiprocess"]
X = chunk(json_buffer(0), 0)
Entry = Mapping[str, Any]
Run = Callable[[Client], None]


def one(kind: Any, place: str = "native", **settings: Any) -> Any:
    return pipeline({"a": kind}, places={"a": place}, **settings)


@contextmanager
def logged() -> Iterator[Callable[[], list[Entry]]]:
    stream = io.StringIO()
    with log_written(Log(format="json"), stream):
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def only_end(entries: list[Entry]) -> Entry:
    opened = [each["session"] for each in entries if each["event"] == "session opened"]
    ended = [each for each in entries if each["event"] == "session ended"]
    assert [each["session"] for each in ended] == opened
    (end,) = ended
    assert end["level"] == "info"
    return end


def streams(manifest: Any, *requests: Any, half_closes: bool = False, **fields: Any) -> Run:
    """Return what runs one stream to its end."""

    def run(client: Client) -> None:
        with client.pipeline(manifest, *requests, **fields) as stream:
            if half_closes:
                stream.end()
            list(stream)

    return run


def execute(client: Client) -> None:
    response = client.execute(one("PassThrough"), {"a": json_buffer(1)})
    assert response.HasField("result")


def reset(client: Client) -> None:
    with client.pipeline(one("PassThrough")) as stream:
        stream.wait_ready()
        stream.call.cancel()


def let_the_deadline_pass(client: Client) -> None:
    with client.stream(init(one("PassThrough")), timeout=1.0) as stream:
        stream.wait_ready()
        with pytest.raises(grpc.RpcError):
            list(stream)


def limits(**fields: int) -> Any:
    return make("ResourceLimits", **fields)


ENDINGS: dict[str, tuple[Run, str, str, str]] = {
    "ExecutePipeline": (execute, "completed", "completed", ""),
    "CLOSE": (
        streams(one("PassThrough"), X, control("CLOSE")),
        "completed",
        "client_close",
        "",
    ),
    "half-close": (
        streams(one("PassThrough"), X, half_closes=True),
        "completed",
        "half_close",
        "",
    ),
    "CANCEL": (
        streams(one("PassThrough"), X, control("CANCEL")),
        "cancelled",
        "client_cancel",
        "",
    ),
    "reset": (reset, "cancelled", "client_reset", ""),
    "deadline": (let_the_deadline_pass, "cancelled", "deadline", ""),
    "unknown node": (
        streams(one("PassThrough"), chunk(json_buffer(0), 0, "b")),
        "failed",
        "invalid_input",
        "",
    ),
    "second init": (
        streams(one("PassThrough"), init(one("PassThrough"))),
        "failed",
        "invalid_input",
        "",
    ),
    "wrong kind": (
        streams(one("AudioOnly"), chunk(text_buffer("x"), 0)),
        "failed",
        "invalid_input",
        "a",
    ),
    "time limit": (
        streams(one("PassThrough"), resource_limits=limits(max_timeout_ms=300)),
        "failed",
        "limit",
        "",
    ),
    "sample limit": (
        streams(
            one("PassThrough"),
            chunk(audio_buffer(np.zeros(100, np.float32)), 0),
            resource_limits=limits(max_audio_samples=50),
        ),
        "failed",
        "limit",
        "",
    ),
    "memory limit": (
        streams(
            one(("Hungry", {"megabytes": 4096}), "multiprocess"),
            X,
            resource_limits=limits(max_memory_bytes=1024**3),
        ),
        "failed",
        "memory_limit",
        "a",
    ),
    "exit status": (
        streams(one("Exiting", "multiprocess"), X),
        "failed",
        "process_exit",
        "a",
    ),
    "SIGKILL": (
        streams(one(("Exiting", {"signal_number": signal.SIGKILL}), "multiprocess"), X),
        "failed",
        "process_exit",
        "a",
    ),
    "segmentation fault": (
        streams(one("Segfaulting", "multiprocess"), X),
        "failed",
        "process_exit",
        "a",
    ),
    "process timeout": (
        streams(
            one(("Slow", {"seconds": 30}), "multiprocess", process_timeout_secs=0.5),
            X,
        ),
        "failed",
        "process_timeout",
        "a",
    ),
    **{
        f"{hook} raises, {place}": (
            streams(one(("Raising", {"hook": hook}), place), X, control("CLOSE")),
            "failed",
            "node_error",
            "a",
        )
        for place in PLACES
        for hook in ("initialize", "process", "flush", "cleanup")
    },
    **{
        f"{kind}, {place}": (
            streams(one(("Exits", {"kind": kind}), place), X),
            "failed",
            "node_error",
            "a",
        )
        for place in PLACES
        for kind in ("SystemExit", "KeyboardInterrupt", "GeneratorExit")
        # The tests have Python's own handler of Ctrl-C: natively, it would be the user's.
        if (kind, place) != ("KeyboardInterrupt", "native")
    },
    **{
        f"init timeout, {place}": (
            streams(one(("Silent", {"seconds": 60}), place, init_timeout_secs=0.5)),
            "failed",
            "init_timeout",
            "a",
        )
        for place in PLACES
    },
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_end_of_a_session_is_one_line_with_its_reason(
    server: ServingThread, client: Client, ending: str
) -> None:
    run, outcome, reason, node = ENDINGS[ending]
    with logged() as entries:
        run(client)
        server.settle(clients=1)
    end = only_end(entries())
    assert (end["outcome"], end["reason"], end.get("node", "")) == (outcome, reason, node), end
    assert end["manifest"] == "test"
    assert end["peer"].startswith("127.0.0.1:")
    assert end["seconds"] >= 0
    failed = [each for each in entries() if each["event"] in ("node failed", "session failed")]
    by_a_client = reason == "invalid_input" or ending == "sample limit"
    assert len(failed) == (outcome == "failed" and not by_a_client)
    assert all(each["level"] == "warning" for each in failed)
    assert ("detail" in end) == (outcome == "failed")


@pytest.mark.parametrize("place", PLACES)
def test_the_line_counts_what_went_through(
    server: ServingThread, client: Client, place: str
) -> None:
    samples = np.zeros(1000, np.float32)
    chunks = [chunk(audio_buffer(samples), number) for number in range(3)]
    with logged() as entries:
        streams(one("PassThrough", place), *chunks, control("CLOSE"))(client)
        server.settle(clients=1)
    end = only_end(entries())
    assert (end["items_in"], end["items_out"], end["dropped"]) == (3, 3, 0)
    assert end["bytes_in"] >= 12_000
    assert end["bytes_out"] >= 12_000
    assert (end["peak_memory_bytes"] > 10_000_000) == (place == "multiprocess")


def test_the_peak_of_a_killed_process_is_known(server: ServingThread, client: Client) -> None:
    killed = one(("Exiting", {"signal_number": signal.SIGKILL}), "multiprocess")
    with logged() as entries:
        streams(killed, X)(client)
        server.settle(clients=1)
    assert only_end(entries())["peak_memory_bytes"] > 10_000_000


def test_the_end_of_a_client_that_is_killed_is_its_connection_s(server: ServingThread) -> None:
    with logged() as entries:
        command = [sys.executable, "-m", "tests.service.leaving_client", server.target]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline()
            finally:
                process.kill()
        server.settle(clients=1)
    assert only_end(entries())["reason"] == "disconnected"


def test_the_end_of_a_session_that_the_server_does_not_wait_for(serve: Serve) -> None:
    server = serve()
    with (
        logged() as entries,
        connected(server.target) as client,
        client.pipeline(one("PassThrough")) as stream,
    ):
        stream.wait_ready()
        server.drain(0)
        list(stream)
        end = only_end(entries())
    assert (end["outcome"], end["reason"]) == ("completed", "server_stop")


@pytest.mark.parametrize("by", ["StreamPipeline", "ExecutePipeline"])
def test_the_end_of_a_session_that_a_drain_cuts_off(serve: Serve, tmp_path: Path, by: str) -> None:
    server = serve(environment=TOKENS)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stuck = one(("Stuck", {"path": str(pipe), "blocking": False}))
    with (
        logged() as entries,
        connected(server.target, token="s3cret-a") as client,
        ThreadPoolExecutor(1) as threads,
    ):
        if by == "StreamPipeline":
            running = threads.submit(streams(stuck, X), client)
        else:
            running = threads.submit(client.execute, stuck, {"a": json_buffer(1)})
        assert pipe.read_text() == "stuck"
        server.drain(0.1)
        with pytest.raises(grpc.RpcError, match="shutting down"):
            running.result()
        end = only_end(entries())
    assert (end["outcome"], end["reason"], end["token"]) == ("cancelled", "server_stop", "anna")


def test_a_drain_lets_a_session_end_as_its_client_does(serve: Serve) -> None:
    server = serve()
    with (
        logged() as entries,
        connected(server.target) as client,
        client.pipeline(one("PassThrough")) as stream,
    ):
        stream.wait_ready()
        stream.send(control("CLOSE"))
        server.drain(30)
        list(stream)
        end = only_end(entries())
    assert end["reason"] == "client_close"


TOKENS = {
    "GRPC_AUTH_TOKENS": "anna: s3cret-a, s3cret-b",
    "MILLRACE_ADMIN_TOKENS": "operator: s3cret-o",
}


def test_the_lines_have_the_name_of_the_token_and_never_the_token(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with logged() as entries:
        for token in ("s3cret-a", "s3cret-b"):
            with connected(server.target, token=token) as client:
                streams(one("PassThrough"), control("CLOSE"))(client)
                streams(one("EchoNod"))(client)
        with connected(server.target, token="s3cret-x") as client, pytest.raises(grpc.RpcError):
            client.version()
        server.settle()
    told = [
        (each["event"], each.get("token"))
        for each in entries()
        if each["event"] in ("session opened", "session ended", "session refused")
    ]
    assert told == [
        (event, name)
        for name in ("anna", None)
        for event in ("session opened", "session ended", "session refused")
    ]
    (refused,) = [each for each in entries() if each["event"] == "call refused"]
    assert refused["level"] == "warning"
    assert refused["reason"] == "this token is not known here"
    assert refused["peer"] == "127.0.0.1"
    assert "s3cret" not in json.dumps(entries())


def test_a_session_that_the_operator_ends(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with (
        logged() as entries,
        connected(server.target, token="s3cret-a") as anna,
        connected(server.target, token="s3cret-o") as operator,
        anna.pipeline(one("PassThrough")) as stream,
    ):
        session_id = stream.wait_ready().session_id
        request = make("millrace.v1.KillSessionRequest", session_id=session_id, reason="upgrade")
        operator.unary(
            "/millrace.v1.Operations/KillSession", request, "millrace.v1.KillSessionResponse"
        )
        list(stream)
        server.settle(clients=2)
        end = only_end(entries())
    assert (end["outcome"], end["reason"], end["token"]) == ("failed", "killed", "anna")
    assert "upgrade" in end["detail"]


def test_refused_sessions_are_warnings_with_the_limit(serve: Serve) -> None:
    server = serve(RuntimeConfig.model_validate({"limits": {"max_sessions": 1}}))
    with connected(server.target) as client, client.pipeline(one("PassThrough")) as stream:
        stream.wait_ready()
        with logged() as entries:
            with pytest.raises(grpc.RpcError, match="RESOURCE_EXHAUSTED"):
                streams(one("PassThrough"))(client)
            refused = [each for each in entries() if each["event"] == "session refused"]
        stream.send(control("CLOSE"))
        list(stream)
    (entry,) = refused
    assert entry["level"] == "warning"
    assert entry["error"] == "ServerFullError"
    assert entry["peer"].startswith("127.0.0.1:")


def test_a_failed_node_is_a_warning_with_the_last_lines_of_its_output(
    server: ServingThread, client: Client
) -> None:
    with logged() as entries:
        streams(one(("Exits", {"kind": "ValueError"}), "multiprocess"), X)(client)
        server.settle(clients=1)
    (failed,) = [each for each in entries() if each["event"] == "node failed"]
    assert failed["level"] == "warning"
    trace, _, output = failed["stack_trace"].partition("last lines of its output:\n")
    assert "Traceback" in trace
    assert "a last word on stderr" in output


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="no /proc")
def test_a_node_process_has_a_title_with_node_and_session(
    server: ServingThread, client: Client
) -> None:
    with client.pipeline(one("WhereAmI", "multiprocess")) as stream:
        session_id = stream.wait_ready().session_id
        stream.send(X)
        (result,) = stream.results(1)
        pid = json.loads(result.data_outputs["a"].json.json_payload)["pid"]
        with open(f"/proc/{pid}/cmdline", "rb") as title:
            assert title.read().rstrip(b"\0").decode() == f"millrace: a {session_id}"
        stream.send(control("CLOSE"))
        list(stream)
