"""Barge-in over the wire: a voice is stopped while it talks, and the next sentence is heard."""

import pytest

from runtime import RuntimeConfig
from tests.service.conftest import Serve
from tests.service.grpcio_client import connected
from tests.service.messages import chunk, control, make, pipeline, text_buffer

PLAYING = RuntimeConfig(nodes={"Playing": "tests.testing.subjects:Playing"})


def interruption(start: int, end: int) -> object:
    span = make("CancelSpeculation", from_timestamp=start, to_timestamp=end)
    return make("DataBuffer", control=make("ControlMessage", cancel_speculation=span))


def test_a_client_interrupts_the_speech_and_hears_the_next_sentence(serve: Serve) -> None:
    manifest = pipeline(
        {"a": "EspeakNode", "play": "Playing"},
        ["a > play"],
        places={"a": "multiprocess", "play": "native"},
    )
    speech = text_buffer("A very long sentence, about nothing at all. " * 20)
    server = serve(PLAYING)
    with connected(server.target) as client, client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(chunk(speech, sequence=1, timestamp_ms=100))
        talking = stream.results(2)
        stream.send(
            chunk(text_buffer("Nobody wants this one."), sequence=2, timestamp_ms=110),
            chunk(interruption(0, 150), sequence=3),
            chunk(text_buffer("Yes?"), sequence=4, timestamp_ms=200),
            control("CLOSE"),
        )
        rest = stream.rest()
    heard = [each.sequence for each in (*talking, *rest.results)]
    said = heard.index(3)
    assert set(heard[:said]) <= {1, 2}
    assert len(heard[:said]) < 200  # the whole of it has more than 300 pieces
    assert heard[said + 1 :]
    assert set(heard[said + 1 :]) == {4}


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_an_interruption_overtakes_chunks_that_wait_for_room(serve: Serve, place: str) -> None:
    probe = RuntimeConfig(nodes={"Probe": "runtime.testing.executor_actors:Probe"})
    manifest = pipeline(
        {"a": ("Probe", {"process_seconds": 60.0})}, places={"a": place}, channel_capacity=1
    )
    chunks = [
        chunk(text_buffer("nobody waits for it"), node="a", sequence=n, timestamp_ms=100 + n)
        for n in range(20)
    ]
    with connected(serve(probe).target) as client, client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(*chunks, chunk(interruption(100, 200), node="a", sequence=20))
        (first,) = stream.results(1)
        assert first.sequence == 20  # without that it would be 0, after a minute
        stream.send(control("CANCEL"))
        stream.rest()
