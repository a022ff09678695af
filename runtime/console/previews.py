"""What a person sees of an item: a small JSON value of bounded size, whatever the item's."""

import base64
from typing import Any, Final

import numpy as np

from actors import (
    Audio,
    Binary,
    Bundle,
    Data,
    DataError,
    File,
    Json,
    NumpyArray,
    Tensor,
    Text,
    Video,
)
from actors.data.video import PixelFormat

from ..errors import shortened

_MOST_CHARACTERS: Final = 8000
_MOST_MEMBERS: Final = 16
_COLUMNS: Final = 240
_WIDTH: Final = 200
_SAMPLES: Final = 1_000_000
_HEX_BYTES: Final = 64


def preview(data: Data) -> dict[str, Any]:
    """Return what is shown of an item. It is work for a thread.

    Audio is the least and the greatest sample of each of 240 columns, with peak and RMS; a video
    frame is a picture of at most 200 x 200 pixels, as RGB in base64; text is cut to 8000
    characters; of an array there are its shape, its dtype, and its bounds.
    """
    return {"kind": data.kind.value, **_content(data)}


def _content(data: Data) -> dict[str, Any]:
    match data:
        case Text():
            return _text(data.text)
        case Json():
            return {**_text(data.text), "is_json": len(data.text) <= _MOST_CHARACTERS}
        case Audio():
            return _audio(data)
        case Video():
            return _video(data)
        case Tensor() | NumpyArray():
            return _array(np.asarray(data.array))
        case Binary():
            head = bytes(np.asarray(data.data).reshape(-1)[:_HEX_BYTES].tobytes())
            return {
                "bytes": data.data.nbytes,
                "mime_type": shortened(data.mime_type, 200),
                "head": head.hex(" "),
            }
        case File():
            return {"path": shortened(str(data.path), 1000)}
        case Bundle():
            members = list(data.members.items())[:_MOST_MEMBERS]
            return {"members": {name: preview(member) for name, member in members}}
        case _:
            return {}


def _text(text: str) -> dict[str, Any]:
    return {"text": shortened(text, _MOST_CHARACTERS), "characters": len(text)}


def _audio(data: Audio) -> dict[str, Any]:
    samples = data.samples[:_SAMPLES]
    full_scale = {2: 32768.0, 4: 2147483648.0}[samples.itemsize] if samples.dtype.kind == "i" else 1
    signal = samples.astype(np.float32).mean(axis=1) / full_scale
    signal = np.nan_to_num(signal, nan=0.0, posinf=1.0, neginf=-1.0)
    count = min(_COLUMNS, len(signal))
    shown: dict[str, Any] = {
        "sample_rate": data.sample_rate,
        "channels": data.channels,
        "frames": data.frames,
        "duration_ms": 1000 * data.duration_seconds,
        "least": [],
        "greatest": [],
        "peak": 0.0,
        "rms": 0.0,
    }
    if count:
        starts = np.linspace(0, len(signal), count, endpoint=False).astype(int)
        shown["least"] = np.minimum.reduceat(signal, starts).round(4).tolist()
        shown["greatest"] = np.maximum.reduceat(signal, starts).round(4).tolist()
        shown["peak"] = float(np.abs(signal).max())
        shown["rms"] = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    return shown


def _video(data: Video) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "width": data.width,
        "height": data.height,
        "format": data.format.name,
        "frame_number": data.frame_number,
    }
    image = _image(data)
    if image is None or not image.size:
        return shown
    step = max(1, -(-max(image.shape[:2]) // _WIDTH))
    small = image[::step, ::step]
    if small.shape[2] == 1:
        small = np.repeat(small, 3, axis=2)
    pixels = np.ascontiguousarray(small[:, :, :3])
    picture = base64.b64encode(pixels.tobytes()).decode()
    return {
        **shown,
        "picture": picture,
        "picture_width": pixels.shape[1],
        "picture_height": pixels.shape[0],
    }


def _image(data: Video) -> "np.ndarray[Any, Any] | None":
    """Return the pixels: of planar formats the luminance; None for an encoded frame."""
    if data.format in (PixelFormat.YUV420P, PixelFormat.I420, PixelFormat.NV12):
        plane = data.pixels[: data.width * data.height]
        return np.asarray(plane.reshape(data.height, data.width, 1))
    try:
        return np.asarray(data.image)
    except DataError:
        return None


def _array(array: "np.ndarray[Any, Any]") -> dict[str, Any]:
    shown: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    values = array.reshape(-1)[:_SAMPLES]
    if values.size and values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            shown |= {
                "least": float(numbers.min()),
                "greatest": float(numbers.max()),
                "mean": float(numbers.mean()),
            }
    return shown
