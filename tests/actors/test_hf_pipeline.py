import socket
import sys
from typing import get_args

import numpy as np
import pytest

from actors import Audio, Context, DataError, Json, PixelFormat, Progress, Text, Video
from actors.nodes._hf_tasks import TASKS
from actors.nodes.hf_pipeline import HFPipelineNode, HFPipelineParams, TaskName

from . import tiny_transformers

needs_models = pytest.mark.skipif(
    not tiny_transformers.is_installed(),
    reason='needs pip install "millrace-runtime[models]"',
)
WARM = Text("the house is warm.", metadata={"id": "1"})
CHAT = [{"role": "user", "content": "the house is warm ."}]
LABELS = {"id2label": {0: "cold", 1: "warm"}, "label2id": {"cold": 0, "warm": 1}}
ENTAILMENT = {"id2label": {0: "entailment", 1: "not"}, "label2id": {"entailment": 0, "not": 1}}


def noise(rate=16000, channels=1):
    random = np.random.default_rng(0)
    return Audio(random.normal(0, 0.1, (8000, channels)).astype(np.float32), rate)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Make every attempt to look a host up an error."""

    def refuse(*args, **_kwargs):
        raise AssertionError(f"looked up {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("MILLRACE_MODELS", raising=False)


@pytest.fixture
def run(tmp_path, drive):
    """Save a tiny model, and run a task of it over some items."""

    def go(task, save, *items, arguments=None, **config):
        save(tmp_path, **config)
        params = HFPipelineParams(task=task, model=str(tmp_path), arguments=arguments or {})
        return drive(HFPipelineNode(params), items)

    return go


def bert(head):
    return lambda folder, **config: tiny_transformers.save_bert(folder, head, **config)


def test_every_task_is_known_to_the_params():
    assert set(get_args(TaskName)) == TASKS.keys()


@needs_models
def test_text_is_classified(run):
    classifier = bert("ForSequenceClassification")
    (output,) = run("text-classification", classifier, WARM, arguments={"top_k": 2}, **LABELS)
    assert {entry["label"] for entry in output.value} == {"cold", "warm"}
    assert sum(entry["score"] for entry in output.value) == pytest.approx(1)
    assert output.metadata == {"id": "1"}


@needs_models
def test_tokens_are_classified(run):
    (output,) = run("token-classification", bert("ForTokenClassification"), WARM)
    assert [entry["word"] for entry in output.value] == ["the", "house", "is", "warm", "."]


@needs_models
def test_a_mask_is_filled(run):
    (output,) = run(
        "fill-mask", bert("ForMaskedLM"), Text("the house is [MASK]."), arguments={"top_k": 3}
    )
    assert len(output.value) == 3


@needs_models
def test_text_is_given_one_of_the_labels_of_the_params(run):
    (output,) = run(
        "zero-shot-classification",
        bert("ForSequenceClassification"),
        WARM,
        arguments={"candidate_labels": ["house", "weather"]},
        **ENTAILMENT,
    )
    assert set(output.value["labels"]) == {"house", "weather"}


@needs_models
def test_the_features_of_a_text_are_a_tensor(run):
    (output,) = run("feature-extraction", bert("Model"), WARM)
    assert output.array.shape == (7, 16)
    assert output.array.dtype == np.float32


@needs_models
def test_text_and_chats_are_continued(run):
    outputs = run(
        "text-generation",
        tiny_transformers.save_gpt2,
        WARM,
        Json(CHAT),
        arguments={"max_new_tokens": 3, "do_sample": False},
    )
    assert [type(output) for output in outputs] == [Text, Text]
    assert all("warm." not in output.text for output in outputs)
    assert outputs[0].metadata == {"id": "1"}


@needs_models
@pytest.mark.parametrize("chat", [{}, [], [{"role": "user"}], "text"])
def test_json_that_is_no_chat_is_an_error(run, chat):
    with pytest.raises(DataError, match="must be a chat"):
        run("text-generation", tiny_transformers.save_gpt2, Json(chat))


@needs_models
@pytest.mark.parametrize("channels", [1, 2])
def test_speech_is_recognized(run, channels):
    speech = noise(channels=channels)
    (output,) = run("automatic-speech-recognition", tiny_transformers.save_wav2vec2, speech)
    assert isinstance(output, Text)


@needs_models
def test_audio_is_classified_at_the_rate_of_the_model(run):
    def save(folder):
        return tiny_transformers.save_wav2vec2(folder, "ForSequenceClassification")

    (output,) = run("audio-classification", save, noise())
    assert {entry["label"] for entry in output.value} == {"LABEL_0", "LABEL_1"}
    with pytest.raises(DataError, match=r"44100 Hz.*16000 Hz.*FastResampleNode"):
        run("audio-classification", save, noise(44100))


@needs_models
@pytest.mark.parametrize(
    ("task", "save"),
    [
        ("image-classification", tiny_transformers.save_vit),
        ("object-detection", tiny_transformers.save_yolos),
    ],
)
def test_frames_are_looked_at(run, task, save):
    frames = [
        Video(np.zeros((20, 30, channels), np.uint8), 30, 20, pixel_format)
        for channels, pixel_format in (
            (1, PixelFormat.GRAY8),
            (3, PixelFormat.RGB24),
            (4, PixelFormat.RGBA32),
        )
    ]
    outputs = run(task, save, *frames)
    assert [isinstance(output.value, list) for output in outputs] == [True] * 3
    with pytest.raises(DataError, match="I420 frame has no packed image"):
        run(task, save, Video(np.zeros(6, np.uint8), 2, 2, PixelFormat.I420))


@needs_models
def test_text_becomes_audio(run):
    (output,) = run("text-to-audio", tiny_transformers.save_vits, Text("abc"))
    assert (output.sample_rate, output.channels) == (16000, 1)
    assert output.frames


@needs_models
def test_another_kind_than_the_task_takes_is_an_error_that_names_both(run):
    with pytest.raises(DataError, match="feature-extraction takes text, and got audio"):
        run("feature-extraction", bert("Model"), noise())


@needs_models
def test_text_that_is_too_long_is_an_error_that_says_what_to_do(run):
    with pytest.raises(DataError, match="cannot process this text: .* send it in parts"):
        run("feature-extraction", bert("Model"), Text("house " * 1000))


@needs_models
def test_loading_reports_progress(tmp_path):
    tiny_transformers.save_bert(tmp_path, "Model")
    reports: list[Progress] = []
    params = HFPipelineParams(task="feature-extraction", model=str(tmp_path))
    HFPipelineNode(params, context=Context(report=reports.append)).initialize()
    assert [report.message for report in reports] == [
        "loading torch",
        "loading transformers",
        f"loading the model {tmp_path.name}",
    ]


@needs_models
def test_a_model_that_is_nowhere_is_an_error_that_says_what_to_do(tmp_path):
    for model, message in (("gpt2", "found no model 'gpt2'"), (str(tmp_path), "config.json is")):
        params = HFPipelineParams(task="text-generation", model=model)
        with pytest.raises(FileNotFoundError, match=message):
            HFPipelineNode(params).initialize()


@pytest.mark.parametrize("library", ["transformers", "torch"])
def test_a_missing_library_is_an_error_with_the_line_that_installs_it(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", sys)  # taken for installed, if it is not
    monkeypatch.setitem(sys.modules, library, None)
    install = r'HFPipelineNode .* pip install "millrace-runtime\[transformers\]"'
    with pytest.raises(ImportError, match=install):
        HFPipelineNode(HFPipelineParams(task="text-generation", model="gpt2")).initialize()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"task": "summarization"}, "task"),
        ({"arguments": {"custom_generate": "someone/code"}}, "has no custom_generate"),
        (
            {"arguments": {"max_new_token": 3}},
            "has no max_new_token; its arguments: do_sample, max",
        ),
        ({"task": "zero-shot-classification"}, "needs candidate_labels"),
        ({"task": "text-to-audio", "arguments": {"a": 1}}, "has no a; its arguments: none"),
        ({"device": "gpu"}, "device"),
        ({"dtype": "int8"}, "dtype"),
        ({"model": ""}, "model"),
    ],
)
def test_params_that_do_not_fit_the_task_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        HFPipelineParams(**{"task": "text-generation", "model": "gpt2", **params})
