"""Checks that an actor does not hold the event loop for a large item."""

from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np
import trio

from actors import Audio, Binary, Data, Json, Kind, NumpyArray, Text

from .loop_spans import measured_spans
from .subject import MAX_OUTPUTS, AnyActor, Subject, call

# Far more than correct work between two checkpoints takes, also on a busy machine.
_MOST_SECONDS: Final = 0.25
# Large work may take long; an actor that has not held the loop by then passes.
_LONGEST_CHECK_SECONDS: Final = 5.0

_AUDIO_BYTES: Final = 32 * 1024 * 1024
_BYTES: Final = 16 * 1024 * 1024
_CHARACTERS: Final = 1024 * 1024


async def check_large_items(subject: Subject) -> list[str]:
    """Check that others run while the actor works on a large item, as any client may send."""
    if subject.actor_type.runs_in_thread:
        return []
    for item in large_items(subject.samples):
        async with subject.started() as actor:
            with measured_spans() as spans:
                await trio.lowlevel.checkpoint()
                # Another check reports errors.
                with trio.move_on_after(_LONGEST_CHECK_SECONDS), suppress(Exception):
                    await _process(actor, item)
                await trio.lowlevel.checkpoint()  # a span ends here
        if spans.longest >= _MOST_SECONDS:
            return [
                f"process() held the loop for {spans.longest:.2f} s on one large {item.kind.value} "
                "item, and with it every session: work in slices with a checkpoint between, set "
                "runs_in_thread = True, or refuse items of that size with a DataError"
            ]
    return []


def large_items(samples: Iterable[Data]) -> Iterator[Data]:
    """Yield one large item of each kind among the samples, as large as clients may send."""
    seen = set[Kind]()
    for item in samples:
        large = None if item.kind in seen else _enlarged(item)
        if large is not None:
            seen.add(item.kind)
            yield large


async def _process(actor: AnyActor, item: Data) -> None:
    """Let an actor process an item as its loop does: others run after each output."""
    result = await call(actor.process, item if actor.batch is None else [item])
    left = MAX_OUTPUTS
    if isinstance(result, AsyncIterable):
        async for _ in result:
            await trio.lowlevel.checkpoint()
            left -= 1
            if not left:
                return
    elif isinstance(result, Iterable):
        for _ in result:
            await trio.lowlevel.checkpoint()
            left -= 1
            if not left:
                return


def _enlarged(item: Data) -> Data | None:
    match item:
        case Audio() if item.frames:
            frames = _AUDIO_BYTES // (item.samples.itemsize * item.channels)
            return replace(item, samples=_tiled(item.samples, frames))
        case Text() if item.text:
            return replace(item, text=item.text * (_CHARACTERS // len(item.text)))
        case NumpyArray() if item.array.ndim and item.array.size:
            return replace(
                item, array=_tiled(item.array, _BYTES * len(item.array) // item.array.nbytes)
            )
        case Binary():
            return Binary(np.zeros(_BYTES, np.uint8), item.mime_type)
        case Json():
            return _large_json(item)
        case _:
            return None


def _large_json(item: Json) -> Json:
    """Return JSON of the sample's form: a list with many elements, or one more member."""
    many = "[" + "[]," * (_CHARACTERS // 3) + "[]]"
    value = item.value
    if isinstance(value, list) and value:
        element = Json(value[0]).text
        text = f"[{', '.join([element] * (_CHARACTERS // len(element)))}]"
    elif isinstance(value, dict):
        text = f'{{"more": {many}, {item.text.strip()[1:]}' if value else f'{{"more": {many}}}'
    else:
        text = many
    return Json.from_text(text, item.schema_type, metadata=item.metadata)


def _tiled(array: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    return np.resize(array, (rows, *array.shape[1:]))
