"""Barge-in: the synthesizer talks, the user interrupts, and the next sentence is heard."""

import pytest

from actors import CancelSpeculation, Control, Text
from actors.nodes.espeak import EspeakNode

from .subjects import Playing


@pytest.mark.executors
def test_an_interruption_stops_the_speech_and_the_next_sentence_is_heard(run_pipeline):
    nodes = {"speak": EspeakNode, "play": Playing}
    with run_pipeline(nodes, ["speak > play"]) as pipeline:
        pipeline.send(Text("A very long sentence, about nothing at all. " * 20), timestamp_ms=100)
        pipeline.send(Text("And another one that nobody wants."), timestamp_ms=110)
        pipeline.send(Control(CancelSpeculation(0, 150)))
        pipeline.feed(Text("Yes?"), timestamp_ms=200)
        heard = [
            "control" if isinstance(output.data, Control) else output.timestamp_ms
            for output in pipeline.outputs
        ]
    before, after = heard[: heard.index("control")], heard[heard.index("control") + 1 :]
    assert set(before) <= {100}
    assert len(before) < 200  # the whole of it has more than 300 pieces
    assert after
    assert set(after) == {200}
