"""What flows through the pipelines that the console shows."""

from collections.abc import Callable

import numpy as np

from actors import Audio, Binary, Bundle, Data, Json, NumpyArray, PixelFormat, Text, Video

HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
"""Text that would run, if it were taken as markup."""


def tone(number: int = 0) -> Audio:
    """20 ms of a tone."""
    times = np.arange(960) / 48000 + number * 0.02
    return Audio((0.5 * np.sin(2 * np.pi * 200 * times)).astype(np.float32), 48000)


def picture(number: int = 0, pixel_format: PixelFormat = PixelFormat.RGB24) -> Video:
    """A picture of 64 x 48 pixels, red at the left."""
    if pixel_format is PixelFormat.I420:
        pixels = np.zeros(64 * 48 * 3 // 2, np.uint8)
    else:
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:, :32, 0] = 255
    return Video(pixels, 64, 48, pixel_format, frame_number=number)


ITEMS: dict[str, Callable[[], Data]] = {
    "audio": tone,
    "video": picture,
    "planar video": lambda: picture(pixel_format=PixelFormat.I420),
    "text": lambda: Text(HOSTILE),
    "json": lambda: Json({"name": HOSTILE, "members": [1, None, True]}),
    "array": lambda: NumpyArray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    "binary": lambda: Binary(b"\x00\x01\x02"),
    "bundle": lambda: Bundle({"audio": tone(), "text": Text("a text")}),
}
"""One item of each kind."""
