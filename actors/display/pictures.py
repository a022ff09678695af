"""Video frames and arrays as small pictures."""

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..data import PixelFormat, Video
from ..errors import DataError

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

# From YCbCr of limited range, as most video has it, to RGB: ITU-R BT.601.
_LUMA: Final = 255 / 219
_TO_RED: Final = 1.596
_TO_GREEN: Final = (-0.392, -0.813)
_TO_BLUE: Final = 2.017


def picture_of(data: Video, most: int) -> Pixels | None:
    """Return a video frame as a picture of at most `most` x `most` pixels; None if it is encoded.

    It takes single pixels of the frame, so that a large one costs no more than a small one.
    """
    if not data.width or not data.height:
        return None
    step = max(1, -(-max(data.width, data.height) // most))
    if data.format in (PixelFormat.YUV420P, PixelFormat.I420, PixelFormat.NV12):
        return _from_planes(data, step)
    try:
        return _as_rgb(data.image[::step, ::step])
    except DataError:
        return None


def picture_of_array(array: NDArray[Any], most: int) -> Pixels | None:
    """Return an array of bytes that has the shape of an image as a picture, None for any other."""
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not is_image or min(array.shape[:2]) < 8:
        return None
    step = max(1, -(-max(array.shape[:2]) // most))
    small = array[::step, ::step]
    return _as_rgb(small if small.ndim == 3 else small[:, :, np.newaxis])


def to_png(pixels: Pixels) -> bytes:
    """Return a picture as a PNG file."""
    height, width, _ = pixels.shape
    # Every row begins with the number of its filter: 0, none.
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _as_rgb(image: NDArray[Any]) -> Pixels:
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[:, :, :3]
    return np.ascontiguousarray(rgb)


def _from_planes(data: Video, step: int) -> Pixels:
    """Return a frame of 4:2:0, with one value of either chroma for four pixels."""
    rows, columns = np.arange(0, data.height, step), np.arange(0, data.width, step)
    size = data.width * data.height
    half = ((data.height + 1) // 2, (data.width + 1) // 2)
    luma = data.pixels[:size].reshape(data.height, data.width)[np.ix_(rows, columns)]
    chroma = data.pixels[size:]
    if data.format is PixelFormat.NV12:
        planes = chroma.reshape(*half, 2).transpose(2, 0, 1)
    else:
        planes = chroma.reshape(2, *half)
    blue, red = planes[:, rows[:, np.newaxis] // 2, columns // 2].astype(np.float32) - 128
    light = (luma.astype(np.float32) - 16) * _LUMA
    green = light + _TO_GREEN[0] * blue + _TO_GREEN[1] * red
    rgb = np.stack([light + _TO_RED * red, green, light + _TO_BLUE * blue], axis=2)
    pixels: Pixels = np.clip(rgb, 0, 255).astype(np.uint8)
    return pixels
