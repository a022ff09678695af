"""What clients send to nodes: one line each, with the right outcome. To add one, add a line."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors import Audio, Data, Json, PixelFormat, Text, Video
from tests.corpus.outcomes import Events, Lines, Nothing, Pictures, Refused, Sound
from tests.corpus.picture_files import picture
from tests.corpus.sound_files import tone


@dataclass(frozen=True, slots=True)
class NodeSituation:
    """A node type with params, what it is given, and the right outcome."""

    what: str
    node_type: str
    items: Callable[[], Iterable[Data]]
    outcome: Sound | Nothing | Pictures | Lines | Refused | Events
    params: Mapping[str, Any] = field(default_factory=dict)


def audio(*samples: float, rate: int = 16000) -> Audio:
    return Audio(np.array(samples, np.float32), rate)


def loud(*odd: float, channels: int = 1) -> Audio:
    samples = tone(channels=channels).copy()
    samples[: len(odd), 0] = odd
    return Audio(samples, 16000)


def texts(*pieces: str) -> Callable[[], Iterable[Data]]:
    return lambda: map(Text, pieces)


def values(*given: object) -> Callable[[], Iterable[Data]]:
    return lambda: map(Json, given)


NAN, INF = float("nan"), float("inf")

# fmt: off
NODES = [
    NodeSituation("loud sound with one NaN", "AudioLevelNode", lambda: [loud(NAN)], Events({"is_silence": False, "non_finite_samples": 1})),
    NodeSituation("loud sound with infinities", "AudioLevelNode", lambda: [loud(INF, -INF)], Events({"is_silence": False, "non_finite_samples": 2})),
    NodeSituation("nothing but NaN", "AudioLevelNode", lambda: [audio(NAN, NAN)], Events({"rms_db": -120.0, "non_finite_samples": 2})),
    NodeSituation("loud sound with one NaN", "SilenceDetectorNode", lambda: [loud(NAN)], Events({"is_silent": False, "non_finite_samples": 1})),
    NodeSituation("an infinite sample is no clipping", "ClippingDetectorNode", lambda: [loud(INF)], Events({"saturation_ratio": 0.0, "non_finite_samples": 1})),
    NodeSituation("NaN on one side", "ChannelBalanceNode", lambda: [loud(NAN, channels=2)], Events({"is_imbalanced": False, "non_finite_samples": 1})),
    NodeSituation("a chunk without a sample", "AudioLevelNode", lambda: [audio()], Events({"is_silence": True})),
    NodeSituation("NaN, then speech goes on", "SileroVADNode", lambda: [loud(NAN), loud()], Events({"non_finite_samples": 1}, {"peak": 0.5}, others=2)),
    NodeSituation("samples far beyond full scale", "SileroVADNode", lambda: [audio(*[3e38] * 2000), loud()], Events({"samples": 2000}, {"samples": 16000}, others=2)),
    NodeSituation("another sample rate than it needs", "SileroVADNode", lambda: [audio(0.1, rate=44100)], Refused("44100 Hz.* put a FastResampleNode with target_rate 16000")),
    NodeSituation("NaN in what is resampled", "FastResampleNode", lambda: [loud(NAN)], Sound(1, (8000,)), {"target_rate": 8000}),
    NodeSituation("stereo where mono is expected", "FastResampleNode", lambda: [loud(channels=2)], Refused("channels is 1, but the audio has 2"), {"target_rate": 8000, "channels": 1}),
    NodeSituation("the channels that are expected", "FastResampleNode", lambda: [loud(channels=2)], Sound(1, (8000,), (2,)), {"target_rate": 8000, "channels": 2}),
    NodeSituation("a rate beside the usual ones", "FastResampleNode", lambda: [Audio(tone(1, 12345), 12345)], Sound(1, (191_999,)), {"target_rate": 191_999}),
    NodeSituation("a change of rate in the stream", "FastResampleNode", lambda: [Audio(tone(1, rate), rate) for rate in (8000, 48000)], Sound(2), {"target_rate": 16000}),
    NodeSituation("NaN as an integer", "AudioFormatNode", lambda: [loud(NAN, INF)], Sound(1), {"sample_format": "i16"}),
    NodeSituation("an odd number of channels", "AudioChunkerNode", lambda: [loud(channels=3)], Refused("chunk_size 512 .* must be a multiple of their number, which is 3")),
    NodeSituation("audio before any VAD event", "AudioBufferAccumulatorNode", lambda: [loud()], Refused("put a SileroVADNode before")),
    NodeSituation("JSON that is no VAD event", "AudioBufferAccumulatorNode", values({"has_speech": "yes"}), Refused("must be an event of SileroVADNode")),
    NodeSituation("a pattern that stops backtracking engines", "TextCollectorNode", texts("a" * 60 + "b", "aab!"), Lines(("a" * 60 + "b", "!")), {"split_pattern": "(?:(?:a+)+b)", "min_sentence_length": 0}),
    NodeSituation("emoji and half of a pair", "TextCollectorNode", texts("\U0001f600. \U0001f468\u200d\U0001f469!"), Lines(("\U0001f600.", "\U0001f468\u200d\U0001f469!")), {"min_sentence_length": 0}),
    NodeSituation("a subtitle that ends before it starts", "SrtOutput", values([{"start": 2, "end": 1, "text": "x"}]), Refused("segment 0 must start at 0 or later")),
    NodeSituation("a subtitle at 10^300 s", "SrtOutput", values([{"start": 0, "end": 1e300, "text": "x"}]), Refused("at most|is the most")),
    NodeSituation("a subtitle with NaN", "SrtOutput", lambda: [Json.from_text('[{"start": NaN, "end": 1, "text": "x"}]')], Refused("NaN is not a finite number")),
    NodeSituation("integers of 5000 digits", "CalculatorNode", lambda: [Json.from_text(json.dumps({"operation": "add", "operands": [1]})[:-2] + ", 1" + "0" * 4999 + "]}")], Refused("not JSON|finite number")),
    NodeSituation("a division by zero", "CalculatorNode", values({"operation": "divide", "operands": [1, 0]}), Refused("division by zero: 1 / 0")),
    NodeSituation("a product beyond every number", "CalculatorNode", values({"operation": "multiply", "operands": [1e308, 10]}), Refused("finite number")),
    NodeSituation("a value that is text", "MultiplyNode", values({"value": "4"}), Refused('"value" must be a number, got "4"')),
    NodeSituation("a text with half of a pair", "JsonToText", lambda: [Json.from_text('"\\ud800"')], Refused("UTF-8")),
    NodeSituation("a field that is not there", "JsonToText", values({"a": 1}), Refused("no field 'answer'"), {"field": "answer"}),
    NodeSituation("text that is no JSON", "TextToJson", texts("{"), Refused("not JSON"), {"parse": True}),
    NodeSituation("a frame without pixels", "VideoScaler", lambda: [Video(np.zeros(0, np.uint8), 0, 0)], Refused("a 0 x 0 frame has no pixels to scale")),
    NodeSituation("a gray frame", "VideoFlip", lambda: [Video(np.zeros(4, np.uint8), 2, 2, PixelFormat.GRAY8)], Refused("RGB24, YUV420P, I420, got GRAY8")),
    NodeSituation("a frame of odd size", "VideoScaler", lambda: [Video(picture(63, 31), 63, 31)], Pictures(1, ((128, 64),)), {"target_width": 128, "target_height": 0}),
]
# fmt: on
