"""Nodes of a conversation with models: Piper, sherpa-onnx, RNNoise, and the wake word."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from actors import Audio, DataError, Json, Text
from actors.nodes._library_errors import ModelError
from actors.nodes.espeak import EspeakNode, EspeakParams
from actors.nodes.piper_tts import PiperTTSNode, PiperTTSParams
from actors.nodes.rnnoise import RNNoiseNode
from actors.nodes.sherpa_asr import SherpaASRNode, SherpaASRParams
from actors.nodes.wake_word import WakeWordNode, WakeWordParams
from tests.session.pipelines import manifest, run_through

from .tiny_speech import save_piper, save_t_one

PLACES = ["native", "multiprocess"]


def needs(package: str, extra: str):
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f'needs pip install "millrace-runtime[{extra}]"',
    )


piper, sherpa = needs("piper", "piper"), needs("sherpa_onnx", "sherpa")
rnnoise, wakeword = needs("pyrnnoise", "rnnoise"), needs("pymicro_wakeword", "wakeword")


def spoken(text: str, rate: int, voice: str = "en-us") -> np.ndarray:
    node = EspeakNode(EspeakParams(voice=voice, rate_wpm=140))
    node.initialize()
    samples = np.concatenate([chunk.as_mono() for chunk in node.process(Text(text))])
    return np.asarray(soxr.resample(samples, 22050, rate), np.float32)


def chunks(samples: np.ndarray, rate: int, size: int) -> list[Audio]:
    return [Audio(samples[begin : begin + size], rate) for begin in range(0, len(samples), size)]


# Piper


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return save_piper(tmp_path / "voice")


@piper
def test_piper_speaks_sentence_by_sentence(voice, drive):
    node = PiperTTSNode(PiperTTSParams(model=str(voice)))
    item = Text("Hello there. And good bye!", metadata={"turn": "3"})
    first, second = drive(node, [item, Text("Shown.", channel="ui"), Text("...")])
    for chunk in (first, second):
        assert (chunk.sample_rate, chunk.channels, chunk.samples.dtype) == (22050, 1, np.float32)
        assert chunk.metadata == {"turn": "3"}
        assert 0.9 < np.abs(chunk.samples).max() <= 1
    whole = PiperTTSNode(PiperTTSParams(model=str(voice), stream_chunks=False))
    (joined,) = drive(whole, [item])
    assert joined.frames == first.frames + second.frames


@piper
def test_piper_at_half_the_speed_and_volume(voice, drive):
    (normal,) = drive(PiperTTSNode(PiperTTSParams(model=str(voice))), [Text("Hello.")])
    slow = PiperTTSNode(PiperTTSParams(model=str(voice), speed=0.5, volume=0.5))
    (slowly,) = drive(slow, [Text("Hello.")])
    assert slowly.frames == 2 * normal.frames
    assert np.abs(slowly.samples).max() == pytest.approx(0.5, abs=0.01)


@piper
def test_a_client_writes_text_and_no_phonemes(voice, drive):
    (plain,) = drive(PiperTTSNode(PiperTTSParams(model=str(voice))), [Text("a b c")])
    (marked,) = drive(PiperTTSNode(PiperTTSParams(model=str(voice))), [Text("[[a]] b c")])
    assert marked.frames == plain.frames


@piper
def test_a_speaker_of_a_voice_is_named_or_numbered(tmp_path, drive):
    folder = save_piper(tmp_path / "many", speakers=3)
    for speaker in ("speaker2", "2", None):
        assert drive(PiperTTSNode(PiperTTSParams(model=str(folder), speaker=speaker)), [Text("Hi")])
    with pytest.raises(ValueError, match="no speaker 'anna'; it has speaker0, speaker1, speaker2"):
        PiperTTSNode(PiperTTSParams(model=str(folder), speaker="anna")).initialize()


@piper
def test_what_piper_cannot_load_is_an_error_with_what_to_do(tmp_path, voice):
    def load(folder: Path) -> None:
        PiperTTSNode(PiperTTSParams(model=str(folder))).initialize()

    with pytest.raises(FileNotFoundError, match="PiperTTSNode found no model .* MILLRACE_MODELS"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="phonemes of the kind 'pinyin', which another model"):
        load(save_piper(tmp_path / "chinese", phoneme_type="pinyin"))
    (voice / "voice.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="the voice voice cannot be loaded"):
        load(voice)
    (voice / "voice.onnx.json").write_text("{")
    with pytest.raises(ModelError, match="the settings of the voice voice cannot be read"):
        load(voice)
    (voice / "voice.onnx.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"voice\.onnx\.json is missing"):
        load(voice)


# sherpa-onnx


def sherpa_node(folder: Path, **params: object) -> SherpaASRNode:
    given = {"model": str(folder), "architecture": "t_one_ctc", "sample_rate": 8000, **params}
    return SherpaASRNode(SherpaASRParams.model_validate(given))


LOUD = np.full(2400, 0.5, np.float32)
QUIET = np.zeros(2400, np.float32)


def heard(items: list[Text]) -> list[tuple[str, bool]]:
    return [(item.text, item.metadata.get("partial") == "true") for item in items]


@sherpa
def test_text_comes_while_it_is_spoken_and_once_it_is_complete(tmp_path, drive):
    node = sherpa_node(save_t_one(tmp_path, "turn", "on", "light"))
    audio = np.concatenate([QUIET, LOUD, LOUD, LOUD, *[QUIET] * 5])
    results = drive(node, chunks(audio, 8000, 2400))
    assert heard(results) == [
        ("turn", True),
        ("turn on", True),
        ("turn on light", True),
        ("turn on light", False),
    ]
    assert results[-1].metadata["start_ms"] == "0"
    assert 1200 < int(results[-1].metadata["end_ms"]) <= 2700


@sherpa
def test_partial_text_can_be_left_out_and_the_end_of_the_stream_ends_an_utterance(tmp_path, drive):
    node = sherpa_node(save_t_one(tmp_path, "turn", "on"), partial=False)
    assert heard(drive(node, chunks(np.concatenate([LOUD, LOUD]), 8000, 800))) == [
        ("turn on", False)
    ]


@sherpa
def test_the_end_of_speech_ends_an_utterance_and_the_next_one_begins(tmp_path, drive):
    node = sherpa_node(save_t_one(tmp_path, "stop"), partial=False)
    end = Json({"has_speech": False, "is_speech_end": True})
    items = [*chunks(np.concatenate([LOUD, QUIET]), 8000, 2400), end]
    results = drive(node, items * 2)
    assert heard(results) == [("stop", False), ("stop", False)]
    assert [item.metadata["start_ms"] for item in results] == ["0", "600"]


@sherpa
def test_what_sherpa_cannot_load_is_an_error_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="SherpaASRNode found no model .* MILLRACE_MODELS"):
        sherpa_node(tmp_path / "nowhere").initialize()
    with pytest.raises(FileNotFoundError, match=r"tokens\.txt is missing"):
        sherpa_node(tmp_path).initialize()
    (tmp_path / "tokens.txt").write_text("a 0\n")
    with pytest.raises(ValueError, match="has no encoder: name its architecture"):
        sherpa_node(tmp_path, architecture="auto").initialize()
    (tmp_path / "encoder.onnx").write_text("")
    with pytest.raises(FileNotFoundError, match=r"joiner\*\.onnx is missing"):
        sherpa_node(tmp_path, architecture="transducer").initialize()


@sherpa
def test_sherpa_refuses_audio_of_another_rate(tmp_path, drive):
    node = sherpa_node(save_t_one(tmp_path, "stop"))
    with pytest.raises(DataError, match="FastResampleNode with target_rate 8000"):
        drive(node, [Audio(QUIET, 16000)])


@sherpa
async def test_a_model_that_ends_its_process_ends_its_session_only(tmp_path, runtime):
    from runtime import ProcessExitError

    save_t_one(tmp_path, "stop")
    (tmp_path / "tokens.txt").write_text("stop 0\nno-blank 1\n")
    params = {"model": str(tmp_path), "architecture": "t_one_ctc", "sample_rate": 8000}
    with pytest.raises(ProcessExitError, match="while initializing") as caught:
        await run_through(runtime, manifest({"asr": ("SherpaASRNode", params)}), [])
    assert caught.value.node_id == "asr"
    assert "<blk>" in caught.value.stack_trace


# Both in both places


@piper
@sherpa
@pytest.mark.parametrize("place", PLACES)
async def test_speech_models_run_in_both_places(tmp_path, runtime, place):
    save_piper(tmp_path / "voice")
    save_t_one(tmp_path / "ears", "stop")
    ears = {"model": str(tmp_path / "ears"), "architecture": "t_one_ctc", "sample_rate": 8000}
    for kind, params, item in (
        ("PiperTTSNode", {"model": str(tmp_path / "voice")}, Text("Hello.")),
        ("SherpaASRNode", ears, Audio(LOUD, 8000)),
    ):
        pipeline = manifest({"node": (kind, params)}, places={"node": place})
        assert await run_through(runtime, pipeline, [item])


# RNNoise


@rnnoise
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("size", [100, 480, 1000, 100_000])
def test_noise_is_removed_and_the_length_stays(drive, channels, size):
    clean = spoken("the quick brown fox", 48000)
    noise = np.random.default_rng(1).normal(0, 0.02, len(clean) + 48000).astype(np.float32)
    noisy = np.concatenate([clean, np.zeros(48000, np.float32)]) + noise
    audio = np.repeat(noisy[:, None], channels, axis=1)
    given = drive(RNNoiseNode(), chunks(audio, 48000, size))
    samples = np.concatenate([item.samples for item in given])
    assert samples.shape == audio.shape
    assert samples.dtype == np.float32
    assert np.corrcoef(samples[: len(clean), 0], clean)[0, 1] > 0.95  # nothing is shifted
    quiet = samples[-24000:]
    assert np.sqrt(np.mean(quiet**2)) < 0.1 * np.sqrt(np.mean(noise**2))
    assert {float(item.metadata["speech_probability"]) > 0.8 for item in given} >= {True}


@rnnoise
def test_rnnoise_refuses_another_rate_and_starts_anew_with_other_channels(drive):
    with pytest.raises(DataError, match="FastResampleNode with target_rate 48000"):
        drive(RNNoiseNode(), [Audio(np.zeros(480, np.float32), 16000)])
    given = drive(
        RNNoiseNode(),
        [Audio(np.full((500, count), np.nan, np.float32), 48000) for count in (1, 2)],
    )
    assert [sum(item.frames for item in given if item.channels == count) for count in (1, 2)] == [
        500,
        500,
    ]
    assert all(np.isfinite(item.samples).all() for item in given)


# Wake word


@wakeword
@pytest.mark.parametrize("output", ["event", "audio", "both"])
def test_a_wake_word_is_heard_and_audio_passes_after_it(drive, output):
    second = np.zeros(16000, np.float32)
    words = spoken("okay naboo", 16000)
    audio = np.concatenate([second, words, second, second])
    node = WakeWordNode(WakeWordParams(output=output, awake_ms=500))
    given = drive(node, chunks(audio, 16000, 1600))
    events: list[Any] = [item.value for item in given if isinstance(item, Json)]
    passed = [item for item in given if isinstance(item, Audio)]
    assert len(events) == (output != "audio")
    for event in events:
        assert event["wake_word"] == "okay_nabu"
        assert event["probability"] > 0.85
        assert 1200 < event["timestamp_ms"] < 1000 + len(words) / 16 + 500
    assert (500 <= sum(item.frames for item in passed) / 16 <= 700) == (output != "event")


@wakeword
def test_other_words_wake_nobody(drive):
    audio = spoken("turn the lights on in the kitchen", 16000)
    assert drive(WakeWordNode(), chunks(audio, 16000, 1000)) == []


@wakeword
def test_a_wake_word_needs_16_khz(drive):
    with pytest.raises(DataError, match="FastResampleNode with target_rate 16000"):
        drive(WakeWordNode(), [Audio(np.zeros(480, np.float32), 48000)])


@pytest.mark.parametrize(
    ("node", "package", "extra"),
    [
        (PiperTTSNode, "piper", "piper"),
        (SherpaASRNode, "sherpa_onnx", "sherpa"),
        (RNNoiseNode, "pyrnnoise", "rnnoise"),
        (WakeWordNode, "pymicro_wakeword", "wakeword"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch, node, package, extra):
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs the library {package}.*\[{extra}\]"):
        node().initialize()
