"""The built-in node types by name, so that listing them imports none of their modules."""

from dataclasses import dataclass
from typing import Final

from .kinds import Kind


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A built-in node type.

    Attributes:
        name: the name in manifests.
        target: "module:Class".
        executor: the executor that it is registered for; None leaves the choice to the patterns.
        extra: the extra of the distribution that installs its libraries; None if it needs none.
    """

    name: str
    target: str
    executor: str | None = None
    extra: str | None = None


def _entry(
    name: str, module: str, executor: str | None = None, extra: str | None = None
) -> CatalogueEntry:
    return CatalogueEntry(name, f"actors.nodes.{module}:{name}", executor, extra)


CATALOGUE: Final = (
    _entry("PassThrough", "pass_through", "native"),
    _entry("CalculatorNode", "calculator", "native"),
    _entry("AudioChunkerNode", "audio_chunker", "native"),
    _entry("FastResampleNode", "fast_resample", "native"),
    _entry("SileroVADNode", "silero_vad", "native", "speech"),
    _entry("AudioBufferAccumulatorNode", "audio_buffer_accumulator", "native"),
    _entry("AudioLevelNode", "audio_level", "native"),
    _entry("ClippingDetectorNode", "clipping_detector", "native"),
    _entry("ChannelBalanceNode", "channel_balance", "native"),
    _entry("SilenceDetectorNode", "silence_detector", "native"),
    _entry("TextCollectorNode", "text_collector", "native"),
    _entry("SrtOutput", "srt_output", "native"),
    _entry("VideoFlip", "video_flip", "native"),
    _entry("VideoScaler", "video_scaler", "native", "media"),
    _entry("TurnNode", "turn", "native"),
    _entry("TextToJson", "text_to_json", "native"),
    _entry("JsonToText", "json_to_text", "native"),
    _entry("AudioFormatNode", "audio_format", "native"),
    _entry("TimeJoinNode", "time_join", "native"),
    _entry("RouteNode", "route", "native"),
    _entry("ThrottleNode", "throttle", "native"),
    _entry("WindowNode", "window", "native"),
    _entry("EchoNode", "echo"),
    _entry("MultiplyNode", "multiply"),
    _entry("ExpanderNode", "expander"),
    _entry("FilterNode", "filter"),
    _entry("RangeGeneratorNode", "range_generator"),
    _entry("TransformAndExpandNode", "transform_and_expand"),
    _entry("ErrorProneNode", "error_prone"),
    _entry("PocketSphinxNode", "pocketsphinx", extra="speech"),
    _entry("EspeakNode", "espeak", extra="speech"),
    _entry("WhisperNode", "whisper", extra="whisper"),
    _entry("KokoroTTSNode", "kokoro_tts", extra="kokoro"),
    _entry("PiperTTSNode", "piper_tts", extra="piper"),
    _entry("SherpaASRNode", "sherpa_asr", extra="sherpa"),
    _entry("RNNoiseNode", "rnnoise", extra="rnnoise"),
    _entry("WakeWordNode", "wake_word", extra="wakeword"),
    _entry("LLMNode", "llm", extra="llm"),
    _entry("HFPipelineNode", "hf_pipeline", extra="transformers"),
)

ALIASES: Final = {
    "Echo": "EchoNode",
    "RustResampleNode": "FastResampleNode",
    "RustVADNode": "SileroVADNode",
}
"""Node types of manifests for the older service: another name -> the type that does the same."""

CONVERTERS: Final = {
    (Kind.TEXT, Kind.JSON): "TextToJson",
    (Kind.JSON, Kind.TEXT): "JsonToText",
}
"""The node types that only convert one kind of data to another."""
