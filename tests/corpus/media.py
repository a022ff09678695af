"""Files as people have them: one line each, with the right outcome. To add one, add a line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as of
from typing import Any

from tests.corpus.outcomes import Lines, Nothing, Outcome, Pictures, Refused, Sound
from tests.corpus.picture_files import film, jpeg, png, png_of_size, turned_film
from tests.corpus.sound_files import cut, encoded, flac, mp3, ogg, overwritten, pcm, rf64, tone, wav


@dataclass(frozen=True, slots=True)
class Situation:
    """A file, how it is read, and the right outcome."""

    what: str
    name: str
    content: Callable[[], bytes]
    outcome: Outcome
    kind: str | None = None
    raw: str | None = None
    needs_av: bool = True


def joined(*parts: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: b"".join(part() for part in parts)


def changed(change: Callable[..., bytes], content: Callable[[], bytes], *how: Any) -> Any:
    return lambda: change(content(), *how)


def raw(encoding: str, **format: Any) -> Callable[[], bytes]:  # noqa: A002
    return lambda: pcm(encoding, tone(**format))


def data(content: bytes) -> Callable[[], bytes]:
    return lambda: content


LIST = b"LIST\x04\0\0\0INFO"

# fmt: off
WAVE = [
    Situation("a plain recording", "a.wav", of(wav), Sound(1)),
    Situation("8 bits", "a.wav", of(wav, "<i1"), Sound(1)),
    Situation("24 bits in stereo", "a.wav", of(wav, "<i3", channels=2), Sound(1, channels=(2,))),
    Situation("doubles", "a.wav", of(wav, "<f8"), Sound(1)),
    Situation("RIFX, big-endian, of 16 bits", "a.wav", of(wav, ">i2"), Sound(1)),
    Situation("RIFX, big-endian, of 24 bits", "a.wav", of(wav, ">i3"), Sound(1)),
    Situation("RIFX, big-endian, floats", "a.wav", of(wav, ">f4"), Sound(1)),
    Situation("RF64 of a broadcast recorder", "a.wav", rf64, Sound(1)),
    Situation("BW64", "a.wav", of(wav, magic=b"BW64"), Sound(1)),
    Situation("chunks before and after the audio", "a.wav", of(wav, before=LIST, after=LIST), Sound(1)),
    Situation("unfinished: data size 0, RIFF size real", "a.wav", of(wav, claims=0), Sound(1, warning="a.wav: its header gives no length")),
    Situation("unfinished: data size 0, RIFF size 0", "a.wav", of(wav, claims=0, riff=0), Sound(1, warning="a.wav: its header gives no length")),
    Situation("a pipe's sizes: all ones", "a.wav", of(wav, claims=0xFFFFFFFF, riff=0xFFFFFFFF), Sound(1)),
    Situation("unfinished: less claimed than there is", "a.wav", of(wav, claims=16000), Sound(0.5, warning="a.wav: more bytes follow")),
    Situation("cut off by a full disk", "a.wav", of(wav, claims=64000), Sound(1, warning="a.wav: ends early: 32000 bytes")),
    Situation("no audio, but other chunks", "a.wav", of(wav, data=b"", after=LIST), Nothing()),
    Situation("half a sample at the end", "a.wav", of(wav, claims=0xFFFFFFFF, after=b"x"), Sound(1, warning="the last 1 bytes are no whole sample")),
    Situation("65282 channels", "a.wav", of(wav, claims_channels=65282), Refused("a.wav: claims 65282 channels at 16000 Hz, so its header is damaged")),
    Situation("no channel", "a.wav", of(wav, claims_channels=0), Refused("claims 0 channels")),
    Situation("samples of 0 bytes", "a.wav", data(wav()[:32] + b"\0\0\3\0" + wav()[36:]), Refused("claims samples of 3 bits in 0 bytes, so its header is damaged")),
    Situation("4 GHz", "a.wav", of(wav, claims_rate=4_000_000_000), Refused("at 4000000000 Hz")),
    Situation("a chunk that fits into no item", "a.wav", of(wav, "<f8", claims_channels=255, claims_rate=5_000_000), Refused("use --chunk-ms 6 or less")),
    Situation("no data chunk", "a.wav", data(wav()[:36]), Refused("a.wav: ends before its audio")),
    Situation("A-law, which PyAV reads", "a.wav", of(encoded, "wav", "pcm_alaw", rate=16000), Sound(1)),
    Situation("an empty file", "a.wav", data(b""), Refused("a.wav: is empty; expected sound")),
]
ENCODED = [
    Situation("an MP3 that changes from 44.1 to 48 kHz", "a.mp3", joined(of(mp3, rate=48000), of(mp3)), Sound(2.1, (44100, 48000), within=0.1)),
    Situation("an MP3 that changes from mono to stereo", "a.mp3", joined(of(mp3), of(mp3, channels=2)), Sound(2.1, (44100,), (1, 2), within=0.1)),
    Situation("an MP3 with a hole of zeros", "a.mp3", changed(overwritten, of(mp3, 4.0), 0.4, 0.5), Sound(3.6, (44100,), warning="a.mp3: is damaged: 1 of ", within=0.1)),
    Situation("an MP3 that is none", "a.mp3", data(b"no sound at all" * 50), Refused("a.mp3: cannot be read as sound or pictures: its data is damaged")),
    Situation("a FLAC with a damaged part", "a.flac", changed(overwritten, flac, 0.5, 0.55), Sound(1.8, (44100,), warning="a.flac: 0.21 s are missing", within=0.1)),
    Situation("a FLAC that is cut off", "a.flac", changed(cut, flac, 0.7), Sound(1.15, (44100,), warning="a.flac: is damaged: 1 of 12 packets, 0.10 s, could not")),
    Situation("an Opus file with a damaged page", "a.opus", changed(overwritten, ogg, 0.5, 0.52, b"x"), Sound(1.0, (48000,), within=1.05)),
    Situation("AAC in surround", "a.m4a", of(encoded, "ipod", "aac", channels=6), Sound(1, (44100,), (6,))),
    Situation("a film without sound", "a.mp4", of(film, container="mp4", codec="mpeg4"), Refused("a.mp4: has no sound; --input-kind video"), kind="audio"),
]
RAW = [
    Situation("s16le at 16 kHz", "a.raw", raw("<i2"), Sound(1), raw="s16le:16000:1", needs_av=False),
    Situation("s24be in stereo", "a.raw", raw(">i3", channels=2), Sound(1, channels=(2,)), raw="s24be:16000:2", needs_av=False),
    Situation("f32be", "a.raw", raw(">f4"), Sound(1), raw="f32be:16000", needs_av=False),
    Situation("u8", "a.raw", raw("<i1"), Sound(1), raw="U8:16000", needs_av=False),
    Situation("half a sample at the end", "a.raw", joined(raw("<i2"), data(b"x")), Sound(1, warning="a.raw: the last 1 bytes"), raw="s16le:16000", needs_av=False),
    Situation("no encoding of that name", "a.raw", raw("<i2"), Refused("s17le:16000: is no format of raw audio; .* such as s16le:16000:1"), raw="s17le:16000", needs_av=False),
    Situation("no sample rate", "a.raw", raw("<i2"), Refused("s16le: is no format of raw audio"), raw="s16le", needs_av=False),
    Situation("300 channels", "a.raw", raw("<i2"), Refused("raw audio has 1 to 255 channels"), raw="s16le:16000:300", needs_av=False),
]
PICTURES = [
    Situation("a phone's film, turned by 90 degrees", "a.mp4", of(turned_film, 90), Pictures(5, ((32, 64),), "upper right"), kind="video"),
    Situation("a phone's film, turned by 180 degrees", "a.mp4", of(turned_film, 180), Pictures(5, red="lower right"), kind="video"),
    Situation("a phone's film, turned by 270 degrees", "a.mp4", of(turned_film, 270), Pictures(5, ((32, 64),), "lower left"), kind="video"),
    Situation("a photo that is to be turned", "a.jpg", of(jpeg, 6), Pictures(1, ((32, 64),), "upper right")),
    Situation("a photo that is to be mirrored", "a.jpg", of(jpeg, 2), Pictures(1, red="upper right")),
    Situation("a photo that is to be mirrored and turned", "a.jpg", of(jpeg, 7), Pictures(1, ((32, 64),), "lower right")),
    Situation("a photo with an orientation that is none", "a.jpg", of(jpeg, 77), Pictures(1)),
    Situation("a PNG with EXIF metadata", "a.png", of(png, 8), Pictures(1, ((32, 64),), "lower left")),
    Situation("an image of 10 gigapixels", "a.png", of(png_of_size, 100_000, 100_000), Refused("a.png: cannot be")),
    Situation("an image that is cut off", "a.jpg", changed(cut, jpeg, 0.3), Refused("a.jpg: cannot be")),
    Situation("a film whose size changes", "a.ts", of(film, (64, 32), (96, 48)), Pictures(9, ((64, 32), (96, 48))), kind="video"),
    Situation("a film that starts at 22 hours", "a.mkv", of(film, container="matroska", codec="mpeg4", start=80_000), Pictures(5, last_seconds=0.16), kind="video"),
    Situation("a film whose pixel format changes", "a.ts", joined(film, of(film, pixels="yuv422p")), Pictures(9), kind="video"),
    Situation("a film that is cut off before its index", "a.mp4", changed(cut, of(film, container="mp4", codec="mpeg4"), 0.6), Refused("a.mp4: cannot be read as sound or pictures"), kind="video"),
    Situation("a sound file as a film", "a.mp3", of(mp3), Refused("a.mp3: has no pictures; --input-kind audio"), kind="video"),
]
TEXT = [
    Situation("lines with a byte order mark", "a.txt", data("\ufeffone\r\ntwo".encode()), Lines(("one", "two")), needs_av=False),
    Situation("Latin-1", "a.txt", data(b"ok\ncaf\xe9\n"), Refused("a.txt, line 2: not UTF-8 text .* at byte 4"), needs_av=False),
    Situation("JSON with NaN", "a.json", data(b'{"a": NaN}'), Refused("a.json: not JSON: NaN is not a JSON number"), needs_av=False),
    Situation("JSON that is nested too deeply", "a.json", data(b"[" * 100_000), Refused("a.json: not usable JSON"), needs_av=False),
    Situation("a line that is no JSON", "a.jsonl", data(b'{"a": 1}\n\n{"a":\n'), Refused("a.jsonl, line 3, column 6: not JSON"), needs_av=False),
    Situation("a blank file of JSON lines", "a.jsonl", data(b"\n \n"), Nothing(), needs_av=False),
]
# fmt: on
MEDIA = [*WAVE, *ENCODED, *RAW, *PICTURES, *TEXT]
