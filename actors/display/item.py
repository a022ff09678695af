"""One item as HTML."""

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..data import (
    Audio,
    Binary,
    Bundle,
    Control,
    Data,
    File,
    Json,
    NumpyArray,
    Tensor,
    Text,
    Video,
)
from ..errors import DataError
from .markup import block, caption, card, data_url, plural, table
from .pictures import picture_of, picture_of_array, to_png
from .signals import Waveform, bounds_of, to_wave, waveform_of

# A notebook keeps its outputs in its file: about 3 MB of audio for each item.
_MOST_SOUND_BYTES: Final = 2_000_000
_PICTURE: Final = 320
_HEX_BYTES: Final = 64
_MOST_MEMBERS: Final = 16
_MOST_JSON: Final = 8000
_MOST_AXES: Final = 3
_FIRST_VALUES: Final = 60
# A browser plays no other.
_SAMPLE_RATES: Final = range(3000, 384_001)


def html_of(data: Data) -> str:
    """Return an item as HTML of bounded size, for a notebook.

    Audio has a player and its waveform; a video frame and an array of bytes in the shape of an
    image a picture; of any other array there are shape, dtype, bounds and some values. Text of the
    item is escaped, and nothing in it is loaded from elsewhere.
    """
    parts = _content(data)
    entries = list(data.metadata.items())[:_MOST_MEMBERS]
    if entries:
        parts.append(table((), entries))
    return card(*parts)


def _content(data: Data) -> list[str]:
    match data:
        case Text():
            return [caption("text", data.language, data.channel), block(data.text)]
        case Json():
            return [caption("JSON", data.schema_type), block(_indented(data))]
        case Audio():
            return _audio(data)
        case Video():
            return _video(data)
        case Tensor() | NumpyArray():
            return _array(data)
        case Binary():
            head = data.data[:_HEX_BYTES].tobytes().hex(" ")
            more = " …" if data.data.nbytes > _HEX_BYTES else ""
            size = plural(data.data.nbytes, "byte")
            return [caption("binary", data.mime_type, size), block(head + more)]
        case File():
            name = data.filename or data.path
            size = plural(data.size, "byte") if data.size else ""
            return [caption("file", name, data.mime_type, size)]
        case Bundle():
            members = list(data.members.items())[:_MOST_MEMBERS]
            shown = [card(caption(title=name), html_of(each)) for name, each in members]
            return [caption("bundle", plural(len(data.members), "member")), *shown]
        case Control():
            return [caption("control", repr(data.message), data.segment_id)]
        case _:
            return [caption(type(data).__name__)]


def _indented(data: Json) -> str:
    if len(data.text) > _MOST_JSON:
        return data.text
    try:
        return json.dumps(data.value, indent=2, ensure_ascii=False)
    except (DataError, ValueError, RecursionError):
        return data.text


def _audio(data: Audio) -> list[str]:
    facts = caption(
        "audio",
        f"{data.duration_seconds:.3g} s",
        f"{data.sample_rate:,} Hz",
        plural(data.channels, "channel"),
        str(data.samples.dtype),
    )
    if not data.frames:
        return [facts]
    waveform = waveform_of(data)
    level = caption(f"peak {waveform.peak:.3f}", f"RMS {waveform.rms:.3f}")
    return [facts, _drawn(waveform), *_player(data), level]


def _drawn(waveform: Waveform) -> str:
    middle, height = 20, 18
    lows, highs = (
        (middle - height * np.clip(side, -1, 1)).tolist()
        for side in (waveform.least, waveform.greatest)
    )
    path = "".join(
        f"M{x} {low + 0.5:.1f}V{high - 0.5:.1f}"
        for x, (low, high) in enumerate(zip(lows, highs, strict=True))
    )
    return (
        '<div><svg xmlns="http://www.w3.org/2000/svg" width="300" height="40" '
        f'viewBox="0 0 {len(lows)} 40" preserveAspectRatio="none" role="img" '
        f'aria-label="waveform"><path d="{path}" stroke="#2f6da8" fill="none"/></svg></div>'
    )


def _player(data: Audio) -> list[str]:
    if data.sample_rate not in _SAMPLE_RATES:
        return [caption("no browser plays this sample rate")]
    frames = _MOST_SOUND_BYTES // (2 * min(data.channels, 2))
    url = data_url("audio/wav", to_wave(data, frames))
    player = f'<audio controls preload="metadata" style="width:300px" src="{url}"></audio>'
    cut = f"the player has the first {frames / data.sample_rate:.3g} s"
    return [player, caption(cut) if data.frames > frames else ""]


def _video(data: Video) -> list[str]:
    name = data.format.name if data.codec == 0 else f"{data.format.name} {data.codec.name}"
    size = f"{data.width} x {data.height}"
    facts = [
        "video",
        size,
        name,
        f"frame {data.frame_number:,}",
        f"{data.timestamp_us / 1e6:.3f} s",
    ]
    pixels = picture_of(data, _PICTURE)
    if pixels is None:
        key = "key frame" if data.is_keyframe else ""
        return [caption(*facts, plural(data.pixels.nbytes, "byte"), key)]
    return [caption(*facts), _picture(pixels, size)]


def _picture(pixels: NDArray[np.uint8], size: str) -> str:
    url = data_url("image/png", to_png(pixels))
    return f'<img src="{url}" width="{pixels.shape[1]}" alt="{size}" style="margin:4px 0">'


def _array(data: Tensor | NumpyArray) -> list[str]:
    array: NDArray[Any] = data.array
    layout = data.layout if isinstance(data, Tensor) else ""
    facts = [
        data.kind.value,
        str(array.shape),
        str(array.dtype),
        layout,
    ]
    bounds = bounds_of(array)
    if bounds is not None:
        facts.append(f"{bounds.least:.4g} to {bounds.greatest:.4g}, mean {bounds.mean:.4g}")
    pixels = picture_of_array(array, _PICTURE)
    if pixels is not None:
        return [caption(*facts), _picture(pixels, str(array.shape))]
    # numpy shows some values of every axis, which are too many for many axes.
    values = array if array.ndim <= _MOST_AXES else array.flat[:_FIRST_VALUES]
    return [caption(*facts), block(np.array2string(values, threshold=_FIRST_VALUES, edgeitems=3))]
