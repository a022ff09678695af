import numpy as np
import pytest

from actors.nodes._utterances import UtteranceCollector


@pytest.fixture
def collector():
    return UtteranceCollector(margin=4, end_silence=3, longest=100)


def block(*samples):
    return np.array(samples, np.int16)


def add(collector, samples, *, is_speech):
    """Add samples one by one and return the utterances that they end."""
    ended = [collector.add(block(sample), is_speech=is_speech) for sample in samples]
    return [utterance for utterance in ended if utterance]


def test_an_utterance_has_the_audio_just_before_it_and_the_silence_after_it(collector):
    assert add(collector, range(1, 11), is_speech=False) == []
    assert add(collector, [50, 51], is_speech=True) == []
    (utterance,) = add(collector, [11, 12, 13], is_speech=False)
    # Less silence than the margin came after it, so a margin of zeros was added.
    assert utterance.samples.tolist() == [7, 8, 9, 10, 50, 51, 11, 12, 13, 0, 0, 0, 0]
    assert utterance.position == 6


def test_a_stream_that_starts_and_ends_with_speech_gets_silence_around_it(collector):
    add(collector, [50, 51], is_speech=True)
    utterance = collector.finish()
    assert utterance.samples.tolist() == [0] * 4 + [50, 51] + [0] * 4
    assert utterance.position == -4
    assert collector.finish() is None


def test_a_short_pause_does_not_end_an_utterance(collector):
    add(collector, [50], is_speech=True)
    assert add(collector, [1, 2], is_speech=False) == []
    assert add(collector, [51], is_speech=True) == []
    (utterance,) = add(collector, [3, 4, 5], is_speech=False)
    assert utterance.samples.tolist()[4:-4] == [50, 1, 2, 51, 3, 4, 5]


def test_the_silence_after_one_utterance_is_the_silence_before_the_next(collector):
    add(collector, [50], is_speech=True)
    add(collector, [1, 2, 3, 4, 5], is_speech=False)
    add(collector, [51], is_speech=True)
    assert collector.finish().samples.tolist() == [2, 3, 4, 5, 51, 0, 0, 0, 0]


def test_speech_without_an_end_is_cut_at_the_longest(collector):
    utterances = add(collector, [50] * 250, is_speech=True)
    assert [len(utterance.samples) - 8 for utterance in utterances] == [100, 100]
    assert len(collector.finish().samples) - 8 == 50
