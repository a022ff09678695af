"""Params that name files: what a local manifest may name, and what a client's may not."""

import pytest
from pydantic import ValidationError

from actors.nodes.espeak import EspeakParams
from actors.nodes.kokoro_tts import KokoroTTSParams
from actors.nodes.pocketsphinx import PocketSphinxParams
from actors.nodes.whisper import WhisperNode, WhisperParams
from runtime import ManifestError, RuntimeConfig
from runtime.config import Files
from tests.session.pipelines import manifest

from .tiny_models import save_whisper

ELSEWHERE = [
    "/etc",
    "../models",
    "./models",
    "a/../../b",
    "a/./b",
    ".hidden",
    "a\0b",
    "~/models",
    "a/",
]


@pytest.mark.parametrize("model", ELSEWHERE)
async def test_a_client_names_no_path_of_a_model(runtime_with, model):
    async with runtime_with(RuntimeConfig()) as runtime:
        for node_type in ("WhisperNode", "KokoroTTSNode"):
            pipeline = manifest({"ears": (node_type, {"model": model})})
            with pytest.raises(
                ManifestError, match="node 'ears' .* param model: a client gives a name"
            ):
                runtime.plan(pipeline, of_client=True)
            assert runtime.plan(pipeline).nodes


@pytest.mark.parametrize("model", ["tiny", "openai/whisper-tiny", "large-v3", "a.b+c"])
async def test_a_client_names_a_model_of_the_operator(runtime_with, model):
    async with runtime_with(RuntimeConfig()) as runtime:
        assert runtime.plan(manifest({"ears": ("WhisperNode", {"model": model})}), of_client=True)


async def test_a_client_may_point_into_the_folders_that_the_operator_lists(runtime_with, tmp_path):
    allowed, elsewhere = tmp_path / "allowed", tmp_path / "elsewhere"
    for folder in (allowed, elsewhere):
        folder.mkdir()
    (allowed / "link").symlink_to(elsewhere)
    config = RuntimeConfig(files=Files(roots=(str(allowed),)))
    async with runtime_with(config) as runtime:

        def plan(path: object) -> None:
            pipeline = manifest({"mouth": ("KokoroTTSNode", {"modelId": str(path)})})
            runtime.plan(pipeline, of_client=True)

        plan(allowed / "voice")
        for path in (elsewhere, allowed / "link", f"{allowed}/../elsewhere", f"{allowed}more"):
            with pytest.raises(ManifestError, match="param model_id: a client gives a name"):
                plan(path)


def test_a_name_is_never_looked_up_in_the_current_folder(tmp_path, monkeypatch):
    save_whisper(tmp_path / "models" / "tiny", "hello")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MILLRACE_MODELS", raising=False)
    for name in ("models", "models/tiny", "models/../models/tiny"):
        with pytest.raises(FileNotFoundError, match="found no model"):
            WhisperNode(WhisperParams(model=name)).initialize()
    WhisperNode(WhisperParams(model="./models/tiny")).initialize()
    monkeypatch.setenv("MILLRACE_MODELS", str(tmp_path))
    WhisperNode(WhisperParams(model="models/tiny")).initialize()


@pytest.mark.parametrize(
    "voice", ["en+/etc/hostname", "en+../../x", "/etc/hostname", "en/../x", "gmw/en/US", "en+f3/x"]
)
def test_a_voice_is_no_path(voice):
    with pytest.raises(ValidationError, match="voice"):
        EspeakParams(voice=voice)


@pytest.mark.parametrize("voice", ["en-us+f3", "gmw/en-US", "Mr serious", "en-us+"])
def test_a_voice_may_have_the_name_of_its_language_family(voice):
    assert EspeakParams(voice=voice).voice == voice


@pytest.mark.parametrize(
    "statement", ["import <other.rule>;", "import/**/</etc/hostname.*>;", "import // <\n<a.b>;"]
)
def test_a_grammar_imports_no_file(statement):
    grammar = f"#JSGF V1.0; grammar home; {statement} public <c> = stop;"
    with pytest.raises(ValidationError, match="a grammar must not import another one"):
        PocketSphinxParams(grammar=grammar)


def test_keywords_end_where_the_library_expects_it():
    with pytest.raises(ValidationError, match="must not have a slash"):
        PocketSphinxParams(keywords=("stop /1e-50/",))


@pytest.mark.parametrize(
    ("params", "language", "model"),
    [
        ({}, "en-us", "kokoro"),
        ({"text": "", "device": "cpu"}, "en-us", "kokoro"),
        ({"language": "en_GB"}, "en-gb", "kokoro"),
        ({"language": "ja", "lang_code": "j"}, "ja", "kokoro"),
        ({"modelId": "hexgrad/Kokoro-82M"}, "en-us", "kokoro"),
        ({"model_id": "other"}, "en-us", "other"),
    ],
)
def test_kokoro_takes_the_params_of_existing_manifests(params, language, model):
    checked = KokoroTTSParams(**params)
    assert (checked.espeak_language, checked.model_name) == (language, model)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"text": "Hello."}, "the text to speak comes in items"),
        ({"device": "cuda"}, "this node computes on the processor"),
        ({"language": "de"}, "none of this model's languages"),
        ({"language": "ja", "lang_code": "a"}, "give one of them"),
        ({"model": "a", "model_id": "b"}, "name different models"),
    ],
)
def test_kokoro_refuses_what_it_cannot_honour(params, words):
    with pytest.raises(ValidationError, match=words):
        KokoroTTSParams(**params)
