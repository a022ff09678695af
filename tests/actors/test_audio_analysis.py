import math

import numpy as np
import pytest

from actors import Audio
from actors.nodes.channel_balance import ChannelBalanceNode, ChannelBalanceParams
from actors.nodes.clipping_detector import ClippingDetectorNode, ClippingDetectorParams
from actors.nodes.silence_detector import SilenceDetectorNode, SilenceDetectorParams

RATE = 16000
SINE = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)


def audio(samples, dtype=np.float32, **more):
    samples = np.asarray(samples, np.float64)
    if dtype != np.float32:
        samples = samples * np.iinfo(dtype).max
    return Audio(samples.astype(dtype), RATE, **more)


def stereo(left, right, frames=100, dtype=np.float32):
    return audio(np.tile([left, right], (frames, 1)), dtype)


@pytest.fixture
def event(drive):
    """Run one actor over one chunk and return the value of its event."""

    def run(actor, item):
        (output,) = drive(actor, [item])
        assert output.schema_type == output.value["_schema"]
        return output.value

    return run


@pytest.fixture
def events(drive):
    return lambda actor, items: [output.value for output in drive(actor, items)]


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sine_below_full_scale_is_not_clipped(event, dtype, channels):
    tone = audio(np.repeat(0.5 * SINE[:, np.newaxis], channels, axis=1), dtype)
    got = event(ClippingDetectorNode(), tone)
    assert got["saturation_ratio"] == 0
    assert got["crest_factor_db"] == pytest.approx(20 * math.log10(math.sqrt(2)), abs=1e-3)
    assert got["health"] == 1
    assert got["is_clipping"] is False


@pytest.mark.parametrize(
    ("saturated", "ratio", "is_clipping", "health"),
    [(1, 0.1, False, 0.9), (5, 0.5, False, 0.5), (10, 1.0, True, 0.0), (30, 3.0, True, 0.0)],
)
def test_the_share_of_saturated_samples_is_a_percentage(
    event, saturated, ratio, is_clipping, health
):
    samples = np.full(1000, 0.1)
    samples[:saturated] = 1.0
    samples[:saturated:2] = -0.99
    got = event(ClippingDetectorNode(), audio(samples))
    assert got["saturation_ratio"] == pytest.approx(ratio)
    assert got["health"] == pytest.approx(health)
    assert got["is_clipping"] is is_clipping


def test_the_crest_factor_at_the_threshold_is_clipping(event):
    # 9 quiet samples and a loud one: peak / rms = sqrt(10), which is 10 dB.
    samples = audio([0] * 9 + [0.5])
    at, below = (ClippingDetectorParams(crest_factor_threshold_db=db) for db in (10.001, 9.999))
    assert event(ClippingDetectorNode(at), samples)["is_clipping"] is True
    assert event(ClippingDetectorNode(below), samples)["is_clipping"] is False


def test_a_square_wave_has_no_crest_and_is_clipped_however_quiet(event):
    got = event(ClippingDetectorNode(), audio(np.tile([0.25, -0.25], 100)))
    assert got["crest_factor_db"] == pytest.approx(0, abs=1e-9)
    assert got["is_clipping"] is True
    assert got["saturation_ratio"] == 0


@pytest.mark.parametrize("frames", [0, 100])
def test_silence_and_nothing_are_not_clipped(event, frames):
    assert event(ClippingDetectorNode(), audio(np.zeros(frames), np.int16)) == {
        "saturation_ratio": 0.0,
        "crest_factor_db": 20.0,
        "is_clipping": False,
        "health": 1.0,
        "_schema": "clipping_event",
    }


def test_full_scale_of_integers_is_saturated(event):
    got = event(ClippingDetectorNode(), audio([1, -1, 0, 0], np.int16))
    assert got["saturation_ratio"] == 50


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_a_channel_at_half_the_level_is_6_db_lower(event, dtype):
    got = event(ChannelBalanceNode(), stereo(0.5, 0.25, dtype=dtype))
    assert got["left_rms_db"] == pytest.approx(-6.0206, abs=1e-3)
    assert got["right_rms_db"] == pytest.approx(-12.0412, abs=2e-3)
    assert got["balance_ratio"] == pytest.approx(2, abs=1e-3)
    assert got["imbalance_db"] == pytest.approx(6.0206, abs=2e-3)
    assert got["health"] == pytest.approx(1 - 0.60206, abs=2e-4)
    assert (got["is_imbalanced"], got["has_dead_channel"]) == (False, False)
    assert got["_schema"] == "channel_balance_event"


def test_the_right_channel_being_louder_is_a_negative_imbalance(event):
    got = event(ChannelBalanceNode(), stereo(0.05, 0.5))
    assert got["imbalance_db"] == pytest.approx(-20)
    assert got["balance_ratio"] == pytest.approx(0.1)
    assert got["is_imbalanced"] is True
    assert got["health"] == 0
    assert got["dead_channel"] == "none"


@pytest.mark.parametrize(
    ("left", "right", "dead", "ratio"),
    [(0.0, 0.5, "left", 0.0), (0.5, 0.0, "right", None), (0.0005, 0.002, "left", 0.25)],
)
def test_a_dead_channel_is_named(event, left, right, dead, ratio):
    got = event(ChannelBalanceNode(), stereo(left, right))
    assert got["dead_channel"] == dead
    assert (got["has_dead_channel"], got["is_imbalanced"], got["health"]) == (True, True, 0)
    assert got["balance_ratio"] == (None if ratio is None else pytest.approx(ratio))


@pytest.mark.parametrize("frames", [0, 10])
def test_two_silent_channels_are_balanced(event, frames):
    got = event(ChannelBalanceNode(), stereo(0, 0, frames))
    assert got["left_rms_db"] == got["right_rms_db"] == -120
    assert (got["balance_ratio"], got["imbalance_db"], got["health"]) == (1, 0, 1)
    assert (got["dead_channel"], got["is_imbalanced"]) == ("none", False)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_not_stereo_gets_a_neutral_event(event, channels):
    got = event(ChannelBalanceNode(), audio(np.ones((10, channels))))
    assert got == {
        "left_rms_db": 0.0,
        "right_rms_db": 0.0,
        "balance_ratio": 1.0,
        "imbalance_db": 0.0,
        "has_dead_channel": False,
        "dead_channel": "none",
        "is_imbalanced": False,
        "health": 1.0,
        "_schema": "channel_balance_event",
    }


def test_the_imbalance_threshold_is_that_of_the_params(event):
    params = ChannelBalanceParams(imbalance_threshold_db=6, dead_channel_threshold_db=-100)
    got = event(ChannelBalanceNode(params), stereo(0.5, 0.0005))
    assert (got["is_imbalanced"], got["has_dead_channel"]) == (True, False)


def blocks(pattern, milliseconds=100):
    """One chunk a letter: # is sound, a dot is silence."""
    frames = RATE * milliseconds // 1000
    return [audio(np.full(frames, 0.5 if letter == "#" else 0)) for letter in pattern]


def column(events, name):
    return [event[name] for event in events]


def test_silence_is_sustained_from_half_a_second(events):
    got = events(SilenceDetectorNode(), blocks("#......#"))
    assert column(got, "is_silent") == [False, *[True] * 6, False]
    assert column(got, "silence_duration_ms") == [0, 100, 200, 300, 400, 500, 600, 0]
    assert column(got, "is_sustained_silence") == [False] * 5 + [True, True, False]
    assert column(got, "health") == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0, 0, 1])
    assert got[0]["rms_db"] == pytest.approx(-6.0206, abs=1e-3)
    assert got[1]["rms_db"] == -120
    assert got[0]["_schema"] == "silence_event"


def test_sound_that_breaks_off_three_times_has_intermittent_dropouts(events):
    got = events(SilenceDetectorNode(), blocks("#.#.#.#"))
    assert column(got, "dropout_count") == [0, 1, 1, 2, 2, 3, 3]
    assert column(got, "has_intermittent_dropouts") == [False] * 5 + [True, True]


def test_dropouts_are_forgotten_after_the_window(events):
    params = SilenceDetectorParams(dropout_window_ms=300)
    got = events(SilenceDetectorNode(params), blocks("#.#####"))
    # It broke off at 100 ms; the window before 500 ms begins at 200 ms.
    assert column(got, "dropout_count") == [0, 1, 1, 1, 0, 0, 0]


def test_silence_before_the_first_sound_is_no_dropout(events):
    assert column(events(SilenceDetectorNode(), blocks("..#.")), "dropout_count") == [0, 0, 0, 1]


def test_an_empty_chunk_changes_nothing(events):
    (sound, silence), nothing = blocks("#."), audio([])
    got = events(SilenceDetectorNode(), [nothing, sound, nothing, silence, nothing, sound])
    assert column(got, "is_silent") == [True, False, False, True, True, False]
    assert column(got, "silence_duration_ms") == [0, 0, 0, 100, 100, 0]
    assert column(got, "dropout_count") == [0, 0, 0, 1, 1, 1]


def test_stereo_does_not_count_time_twice(events):
    got = events(SilenceDetectorNode(), [audio(np.zeros((1600, 2)), np.int16)])
    assert got[0]["silence_duration_ms"] == 100


def test_the_level_at_the_threshold_is_silent(events):
    params = SilenceDetectorParams(silence_threshold_db=-40.0)
    levels = [audio(np.full(160, level)) for level in (0.0099, 0.0101)]
    assert column(events(SilenceDetectorNode(params), levels), "is_silent") == [True, False]


@pytest.mark.parametrize(
    "actor",
    [ClippingDetectorNode, ChannelBalanceNode, SilenceDetectorNode],
    ids=lambda a: a.__name__,
)
def test_events_carry_the_metadata_of_their_chunk(drive, actor):
    (output,) = drive(actor(), [audio([0.5], metadata={"id": "1"})])
    assert output.metadata == {"id": "1"}
