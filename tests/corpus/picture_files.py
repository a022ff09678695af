"""Images and films, made for a test: turned, damaged, and with strange clocks."""

import io
import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np


def picture(width: int = 64, height: int = 32) -> np.ndarray:
    """Return an RGB picture whose upper left quarter is red; all else is black."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 255
    return image


def jpeg(exif: int | None = None) -> bytes:
    """Return a JPEG file, with an orientation in its EXIF metadata."""
    data = _encoded("mjpeg", "yuvj444p")
    if exif is None:
        return data
    body = b"Exif\0\0" + _tiff(exif)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def png(exif: int | None = None) -> bytes:
    """Return a PNG file, with an orientation in its EXIF metadata."""
    data = _encoded("png", "rgb24")
    first = 8 + 25  # the signature and the first chunk
    return data if exif is None else data[:first] + _chunk(b"eXIf", _tiff(exif)) + data[first:]


def png_of_size(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file that claims a size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1024))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def film(
    *sizes: tuple[int, int],
    container: str = "mpegts",
    codec: str = "mpeg2video",
    pixels: str = "yuv420p",
    start: int = 0,
    frames: int = 5,
) -> bytes:
    """Return a film of 25 frames a second; of several sizes, one part after the other.

    `start` is the time of its first frame in seconds.
    """
    import av

    parts = []
    for width, height in sizes or ((64, 32),):
        out = io.BytesIO()
        with av.open(out, "w", format=container) as file:
            stream: Any = file.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, pixels
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(picture(width, height), format="rgb24")
                frame.time_base = Fraction(1, 25)
                frame.pts = number + 25 * start
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        parts.append(out.getvalue())
    return b"".join(parts)


def turned_film(degrees: int) -> bytes:
    """Return an MP4 file that is to be turned for display, as phones write it."""
    data = film(container="mp4", codec="mpeg4")
    one, none = struct.pack(">i", 0x10000), bytes(4)
    minus = struct.pack(">i", -0x10000)
    a, b, c, d = {
        90: (none, one, minus, none),
        180: (minus, none, none, minus),
        270: (none, minus, one, none),
    }[degrees]
    upright = one + bytes(12) + one + bytes(12) + struct.pack(">i", 0x40000000)
    # The first matrix is that of the film, the second that of its track.
    position = data.index(upright, data.index(b"tkhd"))
    matrix = a + b + none + c + d + none + bytes(8) + struct.pack(">i", 0x40000000)
    return data[:position] + matrix + data[position + len(matrix) :]


def _encoded(codec_name: str, pixels: str) -> bytes:
    import av

    image = picture()
    codec: Any = av.CodecContext.create(codec_name, "w")
    codec.height, codec.width = image.shape[:2]
    codec.pix_fmt, codec.time_base = pixels, Fraction(1, 25)
    if codec_name == "mjpeg":
        codec.color_range = 2
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def _tiff(orientation: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
