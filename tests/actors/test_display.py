"""Items in a notebook: what is shown, that it is small, and that nothing of it becomes HTML."""

import base64
import io
import re
import wave
from html.parser import HTMLParser
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from actors import Audio, Binary, Bundle, Control, Data, File, Json, NumpyArray, Tensor, Text, Video
from actors.data import CancelSpeculation, PixelFormat, VideoCodec
from actors.display import html_of

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"
RATE = 16000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
HOSTILE_ITEMS: dict[str, Data] = {
    "text": Text(HOSTILE, HOSTILE, HOSTILE, metadata={HOSTILE: HOSTILE}),
    "json": Json({HOSTILE: [HOSTILE]}, HOSTILE),
    "no json": Json.from_text(HOSTILE),
    "binary": Binary(HOSTILE.encode(), HOSTILE),
    "file": File(HOSTILE, HOSTILE, HOSTILE, size=3),
    "bundle": Bundle({HOSTILE: Text(HOSTILE)}),
    "control": Control(CancelSpeculation(1, 2), HOSTILE),
    "tensor": Tensor(np.zeros((2, 2), np.float32), HOSTILE),
    "audio": Audio(TONE, RATE, metadata={"name": HOSTILE}),
    "strings": NumpyArray(np.array([HOSTILE])),
}
LARGE_ITEMS: dict[str, Data] = {
    "text": Text("x" * 1_000_000),
    "json": Json(["y" * 1_000_000]),
    "deep json": Json.from_text("[" * 100_000),
    "audio": Audio(np.zeros((2_000_000, 6), np.int16), 48000),
    "noise": Audio(np.full(100, np.nan, np.float32), RATE),
    "no audio": Audio(np.zeros((0, 1), np.float32), RATE),
    "odd rate": Audio(TONE, 2**32 - 1),
    "video": Video(np.zeros(4000 * 3001 * 3, np.uint8), 4000, 3001),
    "no video": Video(np.zeros(0, np.uint8), 0, 0),
    "odd planes": Video(np.zeros(5 * 5 + 2 * 9, np.uint8), 5, 5, PixelFormat.NV12),
    "array": NumpyArray(np.full((3,) * 12, np.inf)),
    "turned": NumpyArray(np.zeros((2000, 1500)).T),
    "bundle": Bundle({f"member{n}": Text("x" * 9000) for n in range(40)}),
}
OURS = {"div", "pre", "b", "br", "table", "tbody", "tr", "td", "audio", "svg", "path"}
MOST_CHARACTERS = 3_000_000


class Tags(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.urls: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.urls += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def image_of(item: Data) -> NDArray[Any]:
    (url,) = Tags(html_of(item)).urls
    file = io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))
    with av.open(file, "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


@pytest.mark.parametrize("name", HOSTILE_ITEMS)
def test_nothing_of_an_item_becomes_html(name: str) -> None:
    shown = Tags(HOSTILE_ITEMS[name]._repr_html_())
    assert shown.tags <= OURS
    assert not any(each.startswith("on") for each in shown.attributes)
    assert all(url.startswith("data:audio/wav;base64,") for url in shown.urls)
    if name not in ("binary", "strings"):
        assert "<script>alert(1)</script>" in shown.text


@pytest.mark.parametrize("name", LARGE_ITEMS)
def test_what_is_shown_is_small_however_large_the_item_is(name: str) -> None:
    html = html_of(LARGE_ITEMS[name])
    assert 50 < len(html) < MOST_CHARACTERS


def test_audio_is_played_as_it_is() -> None:
    (url,) = Tags(html_of(Audio(TONE, RATE))).urls
    with wave.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as played:
        assert (played.getframerate(), played.getnchannels()) == (RATE, 1)
        samples = np.frombuffer(played.readframes(RATE), "<i2") / 32767
    assert np.abs(samples - TONE).max() < 1e-4


@pytest.mark.parametrize("form", ["rgb24", "yuv420p", "nv12", "gray", "rgba"])
def test_a_picture_has_the_colours_of_the_frame(form: str) -> None:
    y, x = np.mgrid[0:48, 0:64]
    rgb = np.stack([x * 4, y * 5, np.full((48, 64), 90)], axis=2).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=form)
    formats = {
        "rgb24": PixelFormat.RGB24,
        "yuv420p": PixelFormat.YUV420P,
        "nv12": PixelFormat.NV12,
        "gray": PixelFormat.GRAY8,
        "rgba": PixelFormat.RGBA32,
    }
    shown = image_of(Video(frame.to_ndarray().reshape(-1), 64, 48, formats[form]))
    expected = frame.to_ndarray(format="rgb24")
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown.astype(int) - expected).mean() < 6


def test_a_large_frame_is_a_small_picture() -> None:
    assert max(image_of(LARGE_ITEMS["video"]).shape) <= 320


def test_an_array_is_shown_by_its_shape_its_bounds_and_some_values() -> None:
    text = Tags(html_of(Tensor(np.arange(600, dtype=np.float32).reshape(2, 3, 100), "NCW"))).text
    assert "(2, 3, 100) · float32 · NCW · 0 to 599, mean 299.5" in text
    assert re.search(r"\[\[\[\s*0\.\s+1\.\s+2\.\s+\.\.\.", text)


def test_an_encoded_frame_is_named() -> None:
    frame = Video(
        np.zeros(9, np.uint8), 8, 8, PixelFormat.ENCODED, codec=VideoCodec.H264, is_keyframe=True
    )
    assert "8 x 8 · ENCODED H264 · frame 0 · 0.000 s · 9 bytes · key frame" in html_of(frame)
