"""What a person sees of an item: a small JSON value of bounded size, whatever the item's."""

import base64
from typing import Any, Final

import numpy as np

from actors import (
    Audio,
    Binary,
    Bundle,
    Data,
    File,
    Json,
    NumpyArray,
    Tensor,
    Text,
    Video,
)
from actors.display import bounds_of, picture_of, waveform_of

from ..errors import shortened

_MOST_CHARACTERS: Final = 8000
_MOST_MEMBERS: Final = 16
_WIDTH: Final = 200
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
    waveform = waveform_of(data)
    return {
        "sample_rate": data.sample_rate,
        "channels": data.channels,
        "frames": data.frames,
        "duration_ms": 1000 * data.duration_seconds,
        "least": waveform.least.round(4).tolist(),
        "greatest": waveform.greatest.round(4).tolist(),
        "peak": waveform.peak,
        "rms": waveform.rms,
    }


def _video(data: Video) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "width": data.width,
        "height": data.height,
        "format": data.format.name,
        "frame_number": data.frame_number,
    }
    pixels = picture_of(data, _WIDTH)
    if pixels is None:
        return shown
    picture = base64.b64encode(pixels.tobytes()).decode()
    return {
        **shown,
        "picture": picture,
        "picture_width": pixels.shape[1],
        "picture_height": pixels.shape[0],
    }


def _array(array: "np.ndarray[Any, Any]") -> dict[str, Any]:
    shown: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    bounds = bounds_of(array)
    if bounds is not None:
        shown |= {"least": bounds.least, "greatest": bounds.greatest, "mean": bounds.mean}
    return shown
