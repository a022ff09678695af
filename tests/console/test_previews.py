"""What a person sees of an item is small, whatever the item is."""

import json

import numpy as np
import pytest

from actors import Audio, Binary, Bundle, Data, Json, NumpyArray, Text, Video
from runtime.console.previews import preview
from tests.console.specimens import ITEMS, picture, tone

MOST_BYTES = 170_000
LARGE: dict[str, Data] = {
    "audio": Audio(np.zeros((2_000_000, 2), np.float32), 48000),
    "noisy audio": Audio(np.full(1000, np.nan, np.float32), 16000),
    "no audio": Audio(np.zeros((0, 1), np.float32), 16000),
    "text": Text("x" * 1_000_000),
    "json": Json({"x": "y" * 1_000_000}),
    "video": Video(np.zeros(4000 * 3000 * 3, np.uint8), 4000, 3000),
    "array": NumpyArray(np.full(3_000_000, np.inf)),
    "empty array": NumpyArray(np.zeros(0)),
    "binary": Binary(bytes(1_000_000)),
    "bundle": Bundle({f"member{n}": Text("x" * 9000) for n in range(40)}),
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_of_every_kind_has_a_preview(name: str) -> None:
    item = ITEMS[name]()
    shown = preview(item)
    assert shown["kind"] == item.kind.value
    assert len(shown) > 1
    json.dumps(shown, allow_nan=False)


@pytest.mark.parametrize("name", LARGE)
def test_a_preview_is_small_however_large_the_item_is(name: str) -> None:
    assert len(json.dumps(preview(LARGE[name]), allow_nan=False)) < MOST_BYTES


def test_the_level_of_audio_is_that_of_its_samples() -> None:
    shown = preview(tone())
    assert shown["peak"] == pytest.approx(0.5, abs=0.001)
    assert shown["rms"] == pytest.approx(0.5 / 2**0.5, abs=0.01)
    integers = preview(Audio(np.array([16384, -32768], np.int16), 8000))
    assert integers["peak"] == 1.0
    assert integers["greatest"] == [0.5, -1.0]


def test_a_thumbnail_has_the_colours_of_the_frame() -> None:
    import base64

    shown = preview(picture())
    pixels = np.frombuffer(base64.b64decode(shown["picture"]), np.uint8)
    pixels = pixels.reshape(shown["picture_height"], shown["picture_width"], 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, -1].tolist() == [0, 0, 0]
