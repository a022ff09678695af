"""Results as nodes give them, and files to write them to: one line each. To add one, add a line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from actors import Audio, Data, Json, PixelFormat, Text, Video
from tests.corpus.outcomes import Lines, Nothing, Outcome, Pictures, Refused, Sound
from tests.corpus.picture_files import picture
from tests.corpus.sound_files import tone

SUBTITLE = "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n"
SECOND = "2\n00:00:02,000 --> 00:00:03,000\nAgain.\n\n"


@dataclass(frozen=True, slots=True)
class Written:
    """Results, the file that they are written to, and what the file holds then."""

    what: str
    name: str
    results: Callable[[], Iterable[Data]]
    outcome: Outcome


def sound(rate: int = 16000, channels: int = 1, seconds: float = 1.0) -> Audio:
    return Audio(tone(seconds, rate, channels), rate)


def with_odd_samples() -> Audio:
    samples = tone().copy()
    samples[8000:8003, 0] = (np.nan, np.inf, -np.inf)
    return Audio(samples, 16000)


def frame(width: int = 64, height: int = 32) -> Video:
    return Video(picture(width, height), width, height, PixelFormat.RGB24)


# fmt: off
WRITTEN = [
    Written("samples that are not finite", "a.wav", lambda: [with_odd_samples()], Sound(1)),
    Written("a change of rate", "a.wav", lambda: [sound(), sound(48000)], Sound(2, warning="changed from 16000 Hz in 1 channel to 48000 Hz in 1 channel")),
    Written("a change of channels", "a.wav", lambda: [sound(channels=2), sound()], Sound(2, channels=(2,), warning="changed from 16000 Hz in 2 channels")),
    Written("a change in each chunk", "a.wav", lambda: [sound(rate, seconds=0.1) for rate in (16000, 8000) * 10], Sound(2, warning="later changes are not reported")),
    Written("40000 channels", "a.wav", lambda: [Audio(np.zeros((4, 40000), np.float32), 8000)], Refused("a.wav: a WAV file cannot have 8000 Hz in 40000 channels")),
    Written("no audio at all", "a.wav", list, Nothing()),
    Written("96 kHz", "a.mp3", lambda: [sound(96000)], Sound(1, (48000,), warning="libmp3lame does not take 96000 Hz in 1 channel; converted to 48000 Hz", within=0.1)),
    Written("17 kHz, to the next higher rate", "a.mp3", lambda: [sound(17000)], Sound(1, (22050,), within=0.15)),
    Written("surround", "a.mp3", lambda: [sound(48000, 6)], Sound(1, (48000,), (2,), warning="converted to 48000 Hz in 2 channels", within=0.1)),
    Written("16 channels", "a.flac", lambda: [sound(channels=16)], Sound(1, channels=(2,), warning="flac does not take 16000 Hz in 16 channels")),
    Written("quadraphonic", "a.flac", lambda: [sound(channels=4)], Sound(1, channels=(4,))),
    Written("1 MHz", "a.flac", lambda: [sound(1_000_000, seconds=0.2)], Sound(0.2, (655350,), warning="converted to 655350 Hz")),
    Written("44.1 kHz", "a.opus", lambda: [sound(44100)], Sound(1, (48000,))),
    Written("5 kHz", "a.m4a", lambda: [sound(5000)], Sound(1, (7350,), within=0.4)),
    Written("a change of rate and channels", "a.ogg", lambda: [sound(48000), sound(8000, 2)], Sound(2, (48000,), warning="changed from 48000 Hz in 1 channel to 8000 Hz in 2 channels")),
    Written("subtitles", "a.srt", lambda: [Text(SUBTITLE), Text(SECOND)], Lines(tuple((SUBTITLE + SECOND).splitlines()))),
    Written("text without times", "a.srt", lambda: [Text("Hello.")], Refused("a.srt: takes subtitles in the SRT format, .* put a SrtOutput node behind it")),
    Written("a frame", "a.png", lambda: [frame()], Pictures(1)),
    Written("two frames", "a.png", lambda: [frame(), frame()], Refused("a.png: holds one image")),
    Written("a frame without pixels", "a.png", lambda: [Video(np.zeros(0, np.uint8), 0, 0)], Refused("a frame of 0 x 0 pixels is no image")),
    Written("JSON text that has NaN", "a.jsonl", lambda: [Json.from_text('{"a": NaN}')], Lines(('{"node": "n", "sequence": 0, "kind": "json", "payload": "{\\"a\\": NaN}"}',))),
]
# fmt: on
