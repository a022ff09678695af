import numpy as np
import pytest

from actors import Audio, DataError, Json
from actors.nodes.audio_buffer_accumulator import (
    AudioBufferAccumulatorNode,
    AudioBufferAccumulatorParams,
)

RATE = 1000  # so that a frame is a millisecond


def event(letter, previous):
    """The event that SileroVADNode gives with a chunk that is speech (#) or not (a dot)."""
    return Json(
        {
            "has_speech": letter == "#",
            "is_speech_start": letter == "#" and previous != "#",
            "is_speech_end": letter != "#" and previous == "#",
        }
    )


def stream(pattern, frames=100, channels=1, dtype=np.int16, rate=RATE):
    """Events and chunks of `frames` frames; every frame's samples are its place in the stream."""
    items, previous = [], "."
    for place, letter in enumerate(pattern):
        samples = np.arange(place * frames, (place + 1) * frames).repeat(channels)
        items.append(event(letter, previous))
        items.append(Audio(samples.reshape(-1, channels).astype(dtype), rate))
        previous = letter
    return items


@pytest.fixture
def collect(drive):
    """Run the node over a stream and return where each utterance begins and ends, in frames."""

    def run(items, **params):
        params = {"min_utterance_duration_ms": 0, **params}
        outputs = drive(AudioBufferAccumulatorNode(AudioBufferAccumulatorParams(**params)), items)
        spans = []
        for output in outputs:
            first, last = int(output.samples[0, 0]), int(output.samples[-1, 0])
            assert np.array_equal(output.samples[:, 0], np.arange(first, last + 1))
            rate = output.sample_rate / 1000
            assert output.metadata["start_ms"] == str(round(first / rate))
            assert output.metadata["end_ms"] == str(round((last + 1) / rate))
            spans.append((first, last + 1))
        return spans

    return run


@pytest.mark.parametrize(
    ("pattern", "spans"),
    [
        ("....", []),
        ("", []),
        # The 200 ms before it, and everything to the chunk in which it ends.
        ("...###..", [(100, 700)]),
        ("###..", [(0, 400)]),
        (".##", [(0, 300)]),
        # No sample is in two utterances.
        ("..##.##..", [(0, 500), (500, 800)]),
        ("..##..##..", [(0, 500), (500, 900)]),
        ("..##....##..", [(0, 500), (600, 1100)]),
    ],
)
def test_an_utterance_goes_from_a_little_before_speech_to_its_end(collect, pattern, spans):
    assert collect(stream(pattern)) == spans


def test_the_pre_roll_is_cut_within_a_chunk(collect):
    assert collect(stream("..#.", frames=150)) == [(100, 600)]


def test_an_utterance_comes_with_the_chunk_in_which_speech_ends(drive):
    node = AudioBufferAccumulatorNode()
    node.initialize()
    counts = [len(list(node.process(item))) for item in stream("..####..")]  # type: ignore[arg-type]
    assert counts == [0] * 13 + [1, 0, 0]
    assert list(node.flush()) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32])
def test_an_utterance_has_the_format_of_its_audio(drive, dtype, channels):
    (output,) = drive(AudioBufferAccumulatorNode(), stream(".####.", 100, channels, dtype))
    assert output.samples.dtype == dtype
    assert output.samples.shape == (600, channels)
    assert np.array_equal(output.samples[:, -1], np.arange(600))


def test_the_metadata_is_that_of_the_last_chunk(drive):
    items = [
        Json({"has_speech": True}),
        Audio(np.zeros(500, np.int16), RATE, metadata={"id": "1"}),
        Audio(np.zeros(10, np.int16), RATE, metadata={"id": "2"}, metadata_json=b"{}"),
    ]
    (output,) = drive(AudioBufferAccumulatorNode(), items)
    assert output.metadata == {"id": "2", "start_ms": "0", "end_ms": "510"}
    assert output.metadata_json == b"{}"


def test_speech_that_is_too_short_is_dropped_and_may_be_the_next_ones_pre_roll(collect):
    # The chunk with the end belongs to the speech: 200 ms.
    assert collect(stream("....#...."), min_utterance_duration_ms=201) == []
    assert collect(stream("....#...."), min_utterance_duration_ms=200) == [(200, 600)]
    assert collect(stream("....#.##.."), min_utterance_duration_ms=300) == [(400, 900)]


def test_speech_without_end_is_cut_and_the_rest_is_kept_however_short(collect):
    got = collect(stream("#######."), max_utterance_duration_ms=350, min_utterance_duration_ms=300)
    assert got == [(0, 350), (350, 700), (700, 800)]


def test_one_chunk_longer_than_the_longest_utterance_is_cut_too(collect):
    assert collect(stream("#", frames=1000), max_utterance_duration_ms=400) == [
        (0, 400),
        (400, 800),
        (800, 1000),
    ]


def test_a_longest_utterance_of_less_than_a_frame_ends(drive):
    items = [Json({"has_speech": True}), Audio(np.zeros(3, np.int16), 1)]
    params = AudioBufferAccumulatorParams(
        max_utterance_duration_ms=100, min_utterance_duration_ms=0
    )
    assert [out.frames for out in drive(AudioBufferAccumulatorNode(params), items)] == [1, 1, 1]


def test_an_end_and_a_start_in_one_chunk_divide_two_utterances(collect):
    both = {"has_speech": True, "is_speech_start": True, "is_speech_end": True}
    items = stream("####")
    items[4] = Json(both)
    assert collect(items) == [(0, 300), (300, 400)]


def test_a_start_and_an_end_within_one_chunk_are_an_utterance(collect):
    items = stream("....")
    items[4] = Json({"has_speech": False, "is_speech_start": True, "is_speech_end": True})
    assert collect(items) == [(0, 300)]


def test_chunks_after_an_event_are_what_it_says_until_the_next(collect):
    items = stream("..##..")
    del items[6], items[2]
    assert collect(items) == [(0, 500)]


def test_an_empty_chunk_changes_nothing(collect):
    items = stream("..##..")
    items.insert(6, Audio(np.zeros(0, np.int16), RATE))
    assert collect(items) == [(0, 500)]


def test_a_change_of_format_ends_an_utterance(drive):
    items = [*stream("###"), *stream("##", rate=2000)]
    outputs = drive(AudioBufferAccumulatorNode(), items)
    assert [(out.sample_rate, out.frames) for out in outputs] == [(1000, 300)]
    assert outputs[0].metadata["end_ms"] == "300"
    longer = drive(AudioBufferAccumulatorNode(), [*stream("###"), *stream("######", rate=2000)])
    assert longer[1].metadata == {"start_ms": "300", "end_ms": "600"}


def test_audio_without_a_single_event_is_an_error_that_says_what_to_do(drive):
    with pytest.raises(DataError, match="SileroVADNode before this node"):
        drive(AudioBufferAccumulatorNode(), stream("##")[1::2])
    assert drive(AudioBufferAccumulatorNode(), []) == []


@pytest.mark.parametrize("payload", [{}, [], {"has_speech": 1}, "speech"])
def test_json_that_is_no_vad_event_is_an_error(drive, payload):
    with pytest.raises(DataError, match="event of SileroVADNode"):
        drive(AudioBufferAccumulatorNode(), [Json(payload)])
