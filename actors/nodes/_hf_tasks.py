"""The tasks of Hugging Face's pipelines: conversion of their inputs and outputs to items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..data import Audio, Data, Json, Tensor, Text, Video
from ..errors import DataError
from ..kinds import Kind
from ._levels import finite_or_silent
from ._numbers import show
from ._small_json import small_value


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        accepts: the kinds that it accepts.
        as_input: converts an item to the pipeline's argument; its second argument is the sample
            rate in Hz that the model needs, or None if the model does not state it.
        as_output: converts the pipeline's result to an item.
        arguments: those that a manifest may give. They are listed, since others would let a
            manifest load and run code.
        needs: those of them that it must give.
        fixed: those that are always given.
    """

    accepts: frozenset[Kind]
    as_input: Callable[[Any, int | None], object]
    as_output: Callable[[Any], Data]
    arguments: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    fixed: tuple[tuple[str, object], ...] = ()


def _plain_text(item: Text, _rate: int | None) -> str:
    return item.text


def _text_or_chat(item: Text | Json, _rate: int | None) -> object:
    if isinstance(item, Text):
        return item.text
    messages = small_value(item)
    is_chat = isinstance(messages, list) and all(
        isinstance(message, dict) and {"role", "content"} <= message.keys() for message in messages
    )
    if not messages or not is_chat:
        raise DataError(
            'JSON for this task must be a chat, [{"role": "user", "content": <text>}, ...], '
            f"got {show(messages)}"
        )
    return messages


def _samples(item: Audio, rate: int | None) -> object:
    if rate is not None and item.sample_rate != rate:
        raise DataError(
            f"the audio has {item.sample_rate} Hz, but this model needs {rate} Hz; put a "
            f"FastResampleNode with target_rate {rate} before this node"
        )
    # A copy: the pipeline writes into it.
    return {"raw": finite_or_silent(item.as_mono()).copy(), "sampling_rate": item.sample_rate}


def _picture(item: Video, _rate: int | None) -> object:
    from PIL import Image  # part of the same extra

    image = item.image
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).convert("RGB")


def _generated(result: list[dict[str, Any]]) -> Text:
    generated = result[0]["generated_text"]
    return Text(generated if isinstance(generated, str) else generated[-1]["content"])


def _recognized(result: dict[str, Any]) -> Text:
    return Text(result["text"].strip())


def _features(result: Any) -> Tensor:
    return Tensor(result.float().numpy(force=True)[0])


def _sound(result: dict[str, Any]) -> Audio:
    samples = np.asarray(result["audio"], np.float32)
    # (channels, frames) or (frames,), sometimes in a batch of one.
    samples = samples.reshape(-1, samples.shape[-1]).T
    return Audio(np.ascontiguousarray(samples), int(result["sampling_rate"]))


_TEXT: Final = frozenset({Kind.TEXT})
_AUDIO: Final = frozenset({Kind.AUDIO})
_VIDEO: Final = frozenset({Kind.VIDEO})
_RANKED: Final = frozenset({"top_k", "function_to_apply"})
_GENERATION: Final = frozenset(
    {
        "do_sample",
        "max_new_tokens",
        "min_new_tokens",
        "no_repeat_ngram_size",
        "num_beams",
        "repetition_penalty",
        "return_full_text",
        "temperature",
        "top_k",
        "top_p",
    }
)
_ZERO_SHOT: Final = frozenset({"candidate_labels", "hypothesis_template", "multi_label"})

TASKS: Final = {
    "text-classification": Task(_TEXT, _plain_text, Json, _RANKED),
    "token-classification": Task(
        _TEXT, _plain_text, Json, frozenset({"aggregation_strategy", "stride"})
    ),
    "fill-mask": Task(_TEXT, _plain_text, Json, frozenset({"top_k", "targets"})),
    "zero-shot-classification": Task(
        _TEXT, _plain_text, Json, _ZERO_SHOT, frozenset({"candidate_labels"})
    ),
    "text-generation": Task(
        frozenset({Kind.TEXT, Kind.JSON}),
        _text_or_chat,
        _generated,
        _GENERATION,
        fixed=(("return_full_text", False),),
    ),
    "feature-extraction": Task(_TEXT, _plain_text, _features, fixed=(("return_tensors", True),)),
    "text-to-audio": Task(_TEXT, _plain_text, _sound),
    "automatic-speech-recognition": Task(_AUDIO, _samples, _recognized),
    "audio-classification": Task(_AUDIO, _samples, Json, _RANKED),
    "image-classification": Task(_VIDEO, _picture, Json, _RANKED),
    "object-detection": Task(_VIDEO, _picture, Json, frozenset({"threshold"})),
}
"""Every task that HFPipelineNode knows."""
