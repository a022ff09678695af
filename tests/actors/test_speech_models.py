import json
import socket
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from actors import Audio, Context, DataError, Progress, Text
from actors.nodes.kokoro_tts import KokoroTTSNode, KokoroTTSParams
from actors.nodes.srt_output import SrtOutput
from actors.nodes.whisper import WhisperNode, WhisperParams

from .tiny_models import save_kokoro, save_whisper

SECOND = Audio(np.zeros(16000, np.float32), 16000)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Make every attempt to look a host up an error."""

    def refuse(*args, **_kwargs):
        raise AssertionError(f"looked up {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("MILLRACE_MODELS", raising=False)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_whisper(folder / "faster-whisper-tiny", "hello", "world")
    save_whisper(folder / "german", "guten", "Tag", language="de")
    save_kokoro(folder / "kokoro", "af_heart", "bm_lewis")
    return folder


@pytest.fixture
def whisper(models, drive):
    def run(items, model="faster-whisper-tiny", **params):
        return drive(WhisperNode(WhisperParams(model=str(models / model), **params)), items)

    return run


@pytest.fixture
def speak(models, drive):
    def run(*texts, **params):
        node = KokoroTTSNode(KokoroTTSParams(model=str(models / "kokoro"), **params))
        return drive(node, [text if isinstance(text, Text) else Text(text) for text in texts])

    return run


def test_what_is_said_comes_as_text_with_its_time(whisper):
    (output,) = whisper([SECOND.with_metadata(id="1")])
    assert (output.text, output.language) == ("hello world", "en")
    segments = json.loads(output.metadata["segments"])
    assert [(part["start"], part["end"], part["text"]) for part in segments] == [
        (0.0, 0.8, "hello world")
    ]
    assert {key: output.metadata[key] for key in ("id", "start_ms", "end_ms")} == {
        "id": "1",
        "start_ms": "0",
        "end_ms": "800",
    }
    assert 0.9 < float(output.metadata["confidence"]) <= 1


def test_what_is_said_comes_as_json_that_becomes_subtitles(whisper, drive):
    outputs = whisper([SECOND, SECOND.with_metadata(start_ms="5000")], output="json")
    first, second = (output.value for output in outputs)
    assert first["text"] == "hello world"
    assert first["language"] == "en"
    assert (second["segments"][0]["start"], second["segments"][0]["end"]) == (5.0, 5.8)
    srt = "".join(item.text for item in drive(SrtOutput(), outputs))
    assert srt == (
        "1\n00:00:00,000 --> 00:00:00,800\nhello world\n\n"
        "2\n00:00:05,000 --> 00:00:05,800\nhello world\n\n"
    )


@pytest.mark.parametrize("form", ["stereo", "int16", "long"])
def test_every_form_of_audio_is_heard(whisper, form):
    forms: dict[str, NDArray[Any]] = {
        "stereo": np.zeros((8000, 2), np.float32),
        "int16": np.zeros(8000, np.int16),
        "long": np.zeros(16000 * 29, np.float32),
    }
    assert [item.text for item in whisper([Audio(forms[form], 16000)])] == ["hello world"]


def test_every_chunk_is_an_utterance_and_an_empty_one_is_none(whisper):
    outputs = whisper([SECOND, Audio(np.zeros(0, np.float32), 16000), SECOND])
    assert [item.metadata["start_ms"] for item in outputs] == ["0", "1000"]
    assert whisper([]) == []


def test_audio_is_collected_where_the_params_say_so_and_the_rest_is_heard_at_the_end(whisper):
    outputs = whisper([SECOND] * 5, bufferMs=2000)
    assert [item.metadata["start_ms"] for item in outputs] == ["0", "2000", "4000"]
    assert len(whisper([SECOND], buffer_ms=2000)) == 1


def test_the_language_is_found_out_or_given(whisper):
    for params in ({}, {"language": "de"}):
        (output,) = whisper([SECOND], "german", **params)
        assert (output.text, output.language) == ("guten Tag", "de")
    (output,) = whisper([SECOND], "german", task="translate", language="de")
    assert output.language == "en"


def test_a_language_that_the_model_does_not_know_is_an_error_that_lists_those(whisper):
    with pytest.raises(ValueError, match="does not know the language 'de'; it knows en"):
        whisper([SECOND], language="de")


def test_audio_at_another_rate_is_an_error_that_says_what_to_do(whisper):
    with pytest.raises(DataError, match=r"44100 Hz.*16000 Hz.*FastResampleNode"):
        whisper([Audio(np.zeros(100, np.float32), 44100)])


def test_a_model_can_be_named_that_lies_in_one_of_the_operators_folders(
    models, drive, monkeypatch, tmp_path
):
    monkeypatch.setenv("MILLRACE_MODELS", f"{tmp_path}:{models}")
    for name in ("tiny", "faster-whisper-tiny"):
        (output,) = drive(WhisperNode(WhisperParams(model=name)), [SECOND])
        assert output.text == "hello world"
    assert drive(KokoroTTSNode(), [Text("Hello.")])


@pytest.mark.parametrize("node", [WhisperNode, KokoroTTSNode])
@pytest.mark.parametrize("folders", [None, "/nowhere:/no/where"])
def test_a_model_that_is_nowhere_is_an_error_that_says_what_to_do(node, folders, monkeypatch):
    looked = "which is not set"
    if folders is not None:
        monkeypatch.setenv("MILLRACE_MODELS", folders)
        looked = "in /nowhere, /no/where"
    name = "large" if node is WhisperNode else "other"
    with pytest.raises(FileNotFoundError) as caught:
        node(node.params_type(model=name)).initialize()
    message = str(caught.value)
    assert message.startswith(f"{node.__name__} found no model '{name}'")
    assert looked in message
    assert "Nothing is downloaded while a pipeline runs: put a" in message
    assert "give its path as the param model" in message


@pytest.mark.parametrize("node", [WhisperNode, KokoroTTSNode])
def test_a_folder_that_is_not_complete_is_an_error_that_says_what_is_missing(node, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.bin|one file \*\.onnx, and there is none"):
        node(node.params_type(model=str(tmp_path))).initialize()


def test_a_folder_with_two_models_is_an_error_that_names_both(models, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"there is a\.onnx, b\.onnx"):
        KokoroTTSNode(KokoroTTSParams(model=str(tmp_path))).initialize()


@pytest.mark.parametrize(
    ("node", "library", "extra"),
    [(WhisperNode, "faster_whisper", "whisper"), (KokoroTTSNode, "kokoro_onnx", "kokoro")],
)
def test_a_missing_library_is_said_before_a_missing_model(node, library, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    install = rf'{node.__name__} .*{library}.* pip install "millrace-runtime\[{extra}\]"'
    with pytest.raises(ImportError, match=install):
        node(node.params_type(model="nowhere")).initialize()


@pytest.mark.parametrize(("node", "model"), [(WhisperNode, "german"), (KokoroTTSNode, "kokoro")])
def test_loading_reports_progress(models, node, model):
    reports: list[Progress] = []
    actor = node(
        node.params_type(model=str(models / model)), context=Context(report=reports.append)
    )
    actor.initialize()
    actor.cleanup()
    assert [report.status for report in reports] == ["loading_model", "loading_model"]
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert model in reports[-1].message


def test_text_becomes_speech_sentence_by_sentence(speak):
    item = Text("This is the first sentence. And this is another one!", metadata={"id": "1"})
    first, second = speak(item)
    for chunk in (first, second):
        assert (chunk.sample_rate, chunk.channels, chunk.samples.dtype) == (24000, 1, np.float32)
        assert chunk.metadata == {"id": "1"}
        assert np.abs(chunk.samples).max() == pytest.approx(0.5, abs=0.01)
    # A pause stands between two sentences, and none before the first.
    assert np.abs(first.samples[:100]).max() > 0.4
    assert not second.samples[:6000].any()
    assert np.abs(second.samples[6000:6100]).max() > 0.4


def test_the_whole_text_can_come_at_once(speak):
    text = "This is the first sentence. And this is another one!"
    (whole,) = speak(text, stream_chunks=False)
    assert whole.frames > max(chunk.frames for chunk in speak(text))


def test_half_the_speed_takes_twice_the_time(speak):
    normal, slow = (
        speak("Hello there, world.", speed=speed, stream_chunks=False)[0] for speed in (1, 0.5)
    )
    assert slow.frames == pytest.approx(2 * normal.frames, rel=0.1)


@pytest.mark.parametrize("lang_code", list("abefhipz"))
def test_every_language_has_phonemes(speak, lang_code):
    assert speak("1, 2, 3.", langCode=lang_code, voice="bm_lewis")


@pytest.mark.parametrize("text", ["", " \n", "...", "?!", Text("Shown.", channel="ui")])
def test_what_cannot_be_pronounced_or_is_for_another_channel_gives_nothing(speak, text):
    assert speak(text) == []


def test_an_unknown_voice_is_an_error_with_the_nearest_names(speak):
    with pytest.raises(ValueError, match=r"no voice 'bm_louis'; it has bm_lewis"):
        speak("Hello.", voice="bm_louis")
