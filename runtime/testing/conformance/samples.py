"""Items for the checks: samples of every kind, and empty, unusual and huge ones."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from actors import (
    Audio,
    Binary,
    Data,
    File,
    Json,
    Kind,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
)

_RATE: Final = 16000
_HUGE_BYTES: Final = 16 * 1024 * 1024
_HUGE_TEXT: Final = 256 * 1024
_ODD_VALUES: Final[tuple[object, ...]] = (
    None,
    True,
    0,
    "",
    "text",
    [],
    {},
    {"value": None},
    {"value": "x"},
)


def samples_of(kinds: Iterable[Kind]) -> list[Data]:
    """Return some samples of each of these kinds."""
    return [item for kind in Kind if kind in frozenset(kinds) for item in _plain(kind)]


def odd_items(kinds: Iterable[Kind]) -> Iterator[tuple[str, Data]]:
    """Yield empty and unusual items of each of these kinds, each with a description."""
    for kind in Kind:
        if kind in frozenset(kinds):
            yield from _odd(kind)


def huge_items(samples: Iterable[Data]) -> Iterator[tuple[str, Data]]:
    """Yield one huge item of each kind among the samples, each with a description."""
    seen = set[Kind]()
    for item in samples:
        huge = None if item.kind in seen else _enlarged(item)
        if huge is not None:
            seen.add(item.kind)
            yield f"huge {item.kind.value}", huge


def with_own_arrays(item: Data) -> tuple[Data, list[np.ndarray[Any, Any]]]:
    """Return the same item with copies of its arrays, and these copies."""
    owned: list[np.ndarray[Any, Any]] = []
    changes: dict[str, Any] = {}
    for name in ("samples", "pixels", "array", "data"):
        array = getattr(item, name, None)
        if isinstance(array, np.ndarray):
            changes[name] = np.array(array)
            owned.append(changes[name])
    return (replace(item, **changes) if changes else item), owned


def _plain(kind: Kind) -> list[Data]:
    match kind:
        case Kind.AUDIO:
            wave = np.sin(np.arange(_RATE // 5, dtype=np.float32) * 0.2) * np.float32(0.5)
            return [Audio(part, _RATE) for part in np.split(wave, 10)]
        case Kind.VIDEO:
            pixels = np.arange(16 * 8 * 3, dtype=np.uint8)
            return [Video(pixels, 16, 8, PixelFormat.RGB24, frame_number=n) for n in range(2)]
        case Kind.TENSOR:
            return [Tensor(np.arange(12, dtype=np.float32).reshape(3, 4))]
        case Kind.NUMPY:
            return [NumpyArray(np.arange(12.0).reshape(3, 4))]
        case Kind.JSON:
            return [Json({"value": 1}), Json({"value": 2.5})]
        case Kind.TEXT:
            return [Text("One sentence. "), Text("And another one.")]
        case Kind.BINARY:
            return [Binary(np.arange(64, dtype=np.uint8))]
        case _:
            return []  # only the author knows which file or message makes sense


def _odd(kind: Kind) -> Iterator[tuple[str, Data]]:
    match kind:
        case Kind.AUDIO:
            yield "empty audio", Audio(np.zeros(0, np.float32), _RATE)
            yield "one sample of audio", Audio(np.zeros(1, np.float32), _RATE)
            yield "silence", Audio(np.zeros(320, np.float32), _RATE)
            yield "stereo audio", Audio(np.zeros((320, 2), np.float32), _RATE)
            yield "16-bit audio", Audio(np.full(320, -32768, np.int16), _RATE)
            yield "audio of 8 kHz", Audio(np.zeros(160, np.float32), 8000)
            yield (
                "audio with samples that are not a number",
                Audio(np.full(320, np.nan, np.float32), _RATE),
            )
        case Kind.VIDEO:
            yield (
                "a video frame of one pixel",
                Video(np.zeros(3, np.uint8), 1, 1, PixelFormat.RGB24),
            )
            yield "a gray video frame", Video(np.zeros(4, np.uint8), 2, 2, PixelFormat.GRAY8)
        case Kind.TENSOR:
            yield "an empty tensor", Tensor(np.zeros((0, 4), np.float32))
        case Kind.NUMPY:
            yield "an empty array", NumpyArray(np.zeros(0))
            yield "an array without a dimension", NumpyArray(np.array(1.0))
        case Kind.JSON:
            for value in _ODD_VALUES:
                item = Json(value)
                yield f"JSON {item.text}", item
            yield "text that is not JSON", Json.from_text("{")
        case Kind.TEXT:
            yield "empty text", Text("")
            yield "blank text", Text(" \n")
            yield "text of other scripts", Text("日本語。 emoji 🎵 \x00 é")
            yield "text for the screen", Text("Shown.", channel="ui")
        case Kind.BINARY:
            yield "empty bytes", Binary(np.zeros(0, np.uint8))
        case Kind.FILE:
            yield "a file that does not exist", File("/nonexistent/file.bin")
        case _:
            return


def _enlarged(item: Data) -> Data | None:
    match item:
        case Audio() if item.frames:
            # No client sends more than a minute at once.
            return replace(item, samples=_tiled(item.samples, 60 * item.sample_rate))
        case Text():
            return replace(item, text=(item.text or "word. ") * (_HUGE_TEXT // 16))
        case NumpyArray() if item.array.ndim and item.array.size:
            rows = _HUGE_BYTES * len(item.array) // item.array.nbytes
            return replace(item, array=_tiled(item.array, rows))
        case Binary():
            return Binary(np.zeros(_HUGE_BYTES, np.uint8))
        case Json():
            return Json({"value": 1, "operands": [1, 2], "filler": "x" * _HUGE_TEXT})
        case _:
            return None


def _tiled(array: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    return np.resize(array, (rows, *array.shape[1:]))
