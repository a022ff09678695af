"""Attached clients that read slowly, stop or die: the session does not notice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.service.attaching import Attach, out
from tests.service.grpcio_client import Client, Stream
from tests.service.messages import audio_buffer, chunk, pipeline, text_buffer
from tests.service.serving import ServingThread

ROOT = Path(__file__).parents[2]
CHUNKS = 150
MANY_CHUNKS = 1000
SAMPLES = np.arange(16_000, dtype=np.float32)  # 64 KB: 150 of them fill every window


@pytest.fixture(params=["native", "multiprocess"])
def stream(client: Client, request: pytest.FixtureRequest) -> Iterator[Stream]:
    manifest = pipeline({"a": "PassThrough"}, places={"a": request.param})
    with client.pipeline(manifest) as opened:
        yield opened


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_stopped_or_killed_attached_client_changes_nothing(
    server: ServingThread, stream: Stream, number: signal.Signals
) -> None:
    session_id = stream.wait_ready().session_id
    command = [sys.executable, "-m", "tests.service.attached_client"]
    with subprocess.Popen(
        [*command, server.target, session_id, "a"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as attached:
        try:
            assert attached.stdout is not None
            assert attached.stdout.readline() == "attached\n"
            attached.send_signal(number)
            for sequence in range(CHUNKS):
                stream.send(chunk(audio_buffer(SAMPLES), sequence))
            stream.end()
            results = stream.rest().results
        finally:
            attached.kill()
    assert [result.sequence for result in results] == list(range(CHUNKS))
    expected = SAMPLES.tobytes()
    assert all(result.data_outputs["a"].audio.samples == expected for result in results)


def test_an_attached_client_that_reads_slowly_is_told_what_it_missed(
    client: Client, stream: Stream, request: pytest.FixtureRequest
) -> None:
    session_id = stream.wait_ready().session_id
    with Attach(client, session_id) as attach:
        attach.attached()
        attach.subscribe("a")
        attach.send(None)
        attach.next("error")
        # More than the windows of HTTP/2 and the queue of an attach hold, and nobody reads.
        for sequence in range(MANY_CHUNKS):
            stream.send(chunk(audio_buffer(SAMPLES), sequence))
        stream.end()
        assert len(stream.rest().results) == MANY_CHUNKS
        kinds: Counter[str] = Counter()
        missed = 0
        for event in attach.call:
            kind = event.WhichOneof("event")
            kinds[kind] += 1
            if kind == "error":
                missed += int(event.error.message.split()[0])
    assert kinds["session_closed"] == 1
    assert 0 < kinds["tap"] < MANY_CHUNKS
    if "native" in request.node.name:
        assert kinds["tap"] + missed == MANY_CHUNKS
    else:
        # What the process itself missed is reported with the next output that it could send.
        assert kinds["tap"] + missed <= MANY_CHUNKS
    assert missed > 0


def test_what_waits_for_a_client_that_reads_nothing_is_bounded(
    client: Client, stream: Stream, server: ServingThread
) -> None:
    session_id = stream.wait_ready().session_id
    session = server.runtime.sessions[session_id]
    most = 0
    with Attach(client, session_id) as asked, Attach(client, session_id) as wrong:
        asked.attached()
        wrong.attached()
        asked.send("intercept", addr=out("a"), deadline_ms=1)
        asked.send(None)
        asked.next("error")
        for sequence in range(60):
            wrong.subscribe("x" * 3_000_000)
            stream.send(chunk(text_buffer("x" * 3_000_000), sequence))
            assert len(stream.results(1)) == 1
            most = max(most, session.bus.held_bytes)
    assert 24 * 2**20 < most <= 64 * 2**20


def test_nothing_is_held_for_a_client_that_has_gone(
    client: Client, stream: Stream, server: ServingThread
) -> None:
    session_id = stream.wait_ready().session_id
    session = server.runtime.sessions[session_id]
    with Attach(client, session_id) as attach:
        attach.attached()
        for number in range(200):
            attach.subscribe("a", f"port {number}")
        attach.send(None)
        refused = [attach.next("error").message for _ in range(200 - 64 + 1)]
        assert "of one node 64 at most" in refused[0]
        assert session.bus.held_bytes > 0
        attach.end()
        assert list(attach.call) == []
    assert session.bus.held_bytes == 0
