import numpy as np
import pytest

from actors import Audio, DataError
from actors.nodes.audio_chunker import AudioChunkerNode, AudioChunkerParams
from actors.nodes.audio_level import AudioLevelNode, AudioLevelParams
from actors.nodes.fast_resample import FastResampleNode, FastResampleParams

DTYPES = (np.float32, np.int16, np.int32)


def ramp(frames, channels=1, dtype=np.float32, rate=16000, **more):
    return Audio(np.arange(frames * channels).reshape(frames, channels).astype(dtype), rate, **more)


def sine(frames, rate, hertz=440.0, amplitude=0.5, dtype=np.float32, channels=1):
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(frames) / rate)
    if dtype != np.float32:
        wave = wave * np.iinfo(dtype).max
    return np.repeat(wave.astype(dtype)[:, np.newaxis], channels, axis=1)


@pytest.fixture
def chunk(drive):
    return lambda size, items: drive(AudioChunkerNode(AudioChunkerParams(chunk_size=size)), items)


@pytest.fixture
def resample(drive):
    return lambda items, **params: drive(FastResampleNode(FastResampleParams(**params)), items)


def joined(items):
    return np.concatenate([item.samples for item in items])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("lengths", [[1000], [1] * 50, [3, 500, 0, 7, 64, 200], [0], [64, 64]])
def test_chunks_have_the_size_asked_for_and_nothing_is_lost(chunk, dtype, channels, lengths):
    whole = ramp(sum(lengths), channels, dtype)
    ends = np.cumsum(lengths)
    items = [
        Audio(whole.samples[end - length : end], 16000)
        for end, length in zip(ends, lengths, strict=True)
    ]
    outputs = chunk(64, items)
    sizes = [output.samples.size for output in outputs]
    assert all(size == 64 for size in sizes[:-1])
    assert sum(sizes) == whole.samples.size
    assert 0 not in sizes
    if outputs:
        assert np.array_equal(joined(outputs), whole.samples)
        assert joined(outputs).dtype == dtype


def test_a_chunk_within_one_input_shares_its_memory(chunk):
    item = ramp(100)
    assert all(np.shares_memory(out.samples, item.samples) for out in chunk(25, [item]))


def test_chunk_size_must_fit_the_channels(chunk):
    with pytest.raises(DataError, match="chunk_size 512 .* multiple .* 3 in this audio"):
        chunk(512, [ramp(10, 3)])


@pytest.mark.parametrize(
    "other",
    [{"rate": 8000}, {"channels": 2}, {"dtype": np.int16}],
    ids=lambda other: next(iter(other)),
)
def test_a_change_of_format_brings_out_what_is_held(chunk, other):
    outputs = chunk(8, [ramp(10), ramp(8, **other)])
    assert [output.samples.size for output in outputs[:3]] == [8, 2, 8]
    assert outputs[1].samples.dtype == np.float32
    assert outputs[1].sample_rate == 16000
    assert outputs[2].sample_rate == other.get("rate", 16000)


def test_chunks_carry_metadata(chunk):
    items = [ramp(6, metadata={"id": "1"}), ramp(6, metadata={"id": "2"}, metadata_json=b"{}")]
    assert [dict(out.metadata) for out in chunk(4, items)] == [{"id": i} for i in "122"]
    assert chunk(4, items)[-1].metadata_json == b"{}"


@pytest.mark.parametrize("quality", ["Low", "Medium", "High"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (8000, 44100), (22050, 16000)])
def test_a_tone_stays_the_same_tone_without_clicks(
    resample, source, target, channels, dtype, quality
):
    samples = sine(source, source, dtype=dtype, channels=channels)
    items = [Audio(samples[begin : begin + 480], source) for begin in range(0, source, 480)]
    outputs = resample(items, target_rate=target, quality=quality)
    got = joined(outputs)
    assert got.dtype == dtype
    assert abs(len(got) - target) <= 1
    expected = sine(target, target, channels=channels)[: len(got)]
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    edge = target // 20  # the tone begins and ends abruptly
    difference = np.abs(got / scale - expected[: len(got)])[edge:-edge]
    assert difference.max() < 0.01
    assert all(output.sample_rate == target and output.frames for output in outputs)


@pytest.mark.parametrize(
    "params", [{}, {"target_rate": "auto"}, {"sourceRate": 16000}, {"targetRate": 16000}]
)
def test_audio_that_has_the_rate_already_passes_as_it_came(resample, params):
    items = [ramp(10), ramp(0), ramp(3)]
    outputs = resample(items, **params)
    assert len(outputs) == 3
    assert all(output is item for output, item in zip(outputs, items, strict=True))


def test_audio_at_another_rate_than_source_rate_is_an_error_that_names_both(resample):
    with pytest.raises(DataError, match="source_rate is 48000 Hz, but the audio has 16000 Hz"):
        resample([ramp(10)], source_rate=48000, target_rate=8000)


def test_empty_chunks_give_nothing(resample):
    assert resample([ramp(0), ramp(0)], target_rate=8000) == []
    assert resample([], target_rate=8000) == []


def test_a_change_of_rate_within_the_stream_loses_nothing(resample):
    items = [Audio(sine(4800, 48000), 48000), Audio(sine(800, 8000), 8000), ramp(160)]
    assert abs(len(joined(resample(items, target_rate=16000))) - (1600 + 1600 + 160)) <= 2


def test_resampled_chunks_carry_metadata(resample):
    item = Audio(sine(48000, 48000), 48000, metadata={"id": "1"}, metadata_json=b"{}")
    outputs = resample([item], target_rate=16000)
    assert len(outputs) == 2  # and the rest at the end
    for output in outputs:
        assert output.metadata == {"id": "1"}
        assert output.metadata_json == b"{}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_level_of_a_tone_is_that_of_its_amplitude(drive, dtype, channels):
    tone = Audio(sine(16000, 16000, amplitude=0.5, dtype=dtype, channels=channels), 16000)
    (event,) = (item.value for item in drive(AudioLevelNode(), [tone]))
    assert event["rms_db"] == pytest.approx(-9.03, abs=0.01)
    assert event["peak_db"] == pytest.approx(-6.02, abs=0.01)
    assert event["health"] == 1
    assert event["_schema"] == "audio_level_event"
    assert not event["is_silence"]
    assert not event["is_low_volume"]


@pytest.mark.parametrize("frames", [0, 100])
def test_silence_is_silent_and_not_low_in_volume(drive, frames):
    (item,) = drive(
        AudioLevelNode(), [Audio(np.zeros(frames, np.int16), 16000, metadata={"a": "b"})]
    )
    assert item.metadata == {"a": "b"}
    assert item.value == {
        "rms_db": -120.0,
        "peak_db": -120.0,
        "is_silence": True,
        "is_low_volume": False,
        "health": 0.0,
        "_schema": "audio_level_event",
    }


def test_health_is_linear_between_the_thresholds(drive):
    actor = AudioLevelNode(AudioLevelParams(silence_threshold_db=-60, low_volume_threshold_db=-20))
    (item,) = drive(actor, [Audio(np.full(100, 0.01, np.float32), 16000)])
    assert item.value["health"] == pytest.approx(0.5, abs=1e-6)
    assert item.value["is_low_volume"]
