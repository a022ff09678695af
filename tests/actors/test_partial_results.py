"""Recognizers that report words before an utterance has ended, and why speech gave no text."""

import json
import logging
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from actors import Audio, CancelSpeculation, Control, Text
from actors.nodes.pocketsphinx import PocketSphinxNode, PocketSphinxParams
from actors.nodes.whisper import WhisperNode, WhisperParams

from .conftest import Chain
from .test_speech_nodes import HOME_GRAMMAR, chunks, speech  # noqa: F401 (a fixture)
from .tiny_models import save_whisper

SECOND = Audio(np.full(16000, 0.1, np.float32), 16000)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_whisper(tmp_path_factory.mktemp("models") / "tiny", "hello", "world"))


def no_text_reasons(caplog):
    return [record.reason for record in caplog.records if hasattr(record, "reason")]


def test_the_words_so_far_come_before_the_text_which_stays_the_same(drive, speech):  # noqa: F811
    items = chunks(speech, 512)
    (plain,) = drive(PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR)), items)
    params = PocketSphinxParams(grammar=HOME_GRAMMAR, partial=True, partial_ms=200)
    *partial, final = drive(PocketSphinxNode(params), items)
    assert final == plain
    assert "partial" not in final.metadata
    assert len(partial) > 2
    assert all(each.metadata["partial"] == "true" for each in partial)
    ends = [int(each.metadata["end_ms"]) for each in partial]
    assert ends == sorted(ends)
    assert all(later - end >= 200 for end, later in pairwise(ends))
    assert all(one.text != other.text for one, other in pairwise(partial))


def test_a_barge_in_on_all_of_an_open_utterance_discards_it(speech):  # noqa: F811
    node: Any = PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR, partial=True))
    running = Chain(node)
    for place, item in enumerate(chunks(speech, 1600)[:15]):
        node.context.timestamp_ms = 1000 + 100 * place
        running.feed(item)
    node.on_control(Control(CancelSpeculation(3000, 9000)))
    assert node._collector.is_open, "a part of it is still wanted"
    node.on_control(Control(CancelSpeculation(0, 9000)))
    assert running.end() == []


def test_a_recognizer_logs_why_speech_gave_no_text(drive, speech, caplog):  # noqa: F811
    grammar = "#JSGF V1.0; grammar g; public <a> = play the music please;"
    with caplog.at_level(logging.INFO, "millrace.node"):
        assert (
            drive(PocketSphinxNode(PocketSphinxParams(grammar=grammar)), chunks(speech, 512)) == []
        )
    (reason,) = no_text_reasons(caplog)
    assert "grammar" in reason or "min_explained" in reason
    assert caplog.records[-1].start_ms > 0
    assert caplog.records[-1].seconds > 1


@pytest.mark.parametrize("output", ["text", "json"])
def test_whisper_reports_what_it_has_of_a_buffer(model, drive, output):
    plain = {"model": model, "buffer_ms": 2000, "output": output}
    (whole,) = drive(WhisperNode(WhisperParams(**plain)), [SECOND, SECOND])
    params = WhisperParams(**plain, partial=True, partial_ms=500)
    *partial, final = drive(WhisperNode(params), [SECOND, SECOND])
    assert final == whole
    assert len(partial) == 2
    if output == "text":
        assert all(each.metadata["partial"] == "true" for each in partial)
        assert partial[0].text == "hello world"
    else:
        assert all(each.value["partial"] is True for each in partial)
        assert "partial" not in json.loads(final.text)


def test_a_barge_in_discards_what_whisper_holds(model):
    node: Any = WhisperNode(WhisperParams(model=model, buffer_ms=5000, partial=True))
    running = Chain(node)
    node.context.timestamp_ms = 500
    running.feed(SECOND)
    node.on_control(Control(CancelSpeculation(0, 1000)))
    assert running.end() == []


def test_whisper_logs_why_loud_audio_gave_no_text(tmp_path, drive, caplog):
    model = save_whisper(tmp_path / "blank", "")
    with caplog.at_level(logging.INFO, "millrace.node"):
        quiet = Audio(np.zeros(16000, np.float32), 16000)
        assert drive(WhisperNode(WhisperParams(model=str(model))), [quiet, SECOND]) == []
    (reason,) = no_text_reasons(caplog)
    assert "(level -20 dB)" in reason


def test_existing_manifests_get_no_partial_results(model, drive):
    outputs = drive(WhisperNode(WhisperParams(model=model)), [SECOND])
    assert [type(each) for each in outputs] == [Text]


@pytest.mark.executors
def test_partial_results_come_in_both_places_and_a_barge_in_discards_the_rest(run_actor, model):
    params = {"model": model, "buffer_ms": 3000, "partial": True}
    with run_actor(WhisperNode, params=params) as node:
        (first,) = node.feed(SECOND, timestamp_ms=1000)
        assert first.metadata["partial"] == "true"
        node.feed(Control(CancelSpeculation(500, 1500)))
        assert [each.metadata.get("partial") for each in node.feed(SECOND, timestamp_ms=2000)] == [
            "true"
        ]
        *_, final = node.end()
    assert "partial" not in final.metadata
    assert (final.metadata["start_ms"], final.metadata["end_ms"]) == ("1000", "1800")
