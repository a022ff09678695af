"""Voices and streaming recognizers of a few kilobytes, for the real loaders."""

import json
from pathlib import Path
from typing import Any

import numpy as np

# As piper's espeak phonemes: enough for "hello", each with an id of its own.
_PHONEMES = "^$_ abcdefghijklmnopqrstuvwxyz.,!?əɛɪʊɔæɑʌŋʃʒθðɹɡˈˌːɜ"


def save_piper(
    folder: Path, *, speakers: int = 1, rate: int = 22050, phoneme_type: str | None = None
) -> Path:
    """Write a Piper voice that hums: 100 samples a phoneme, at length_scale 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    constants: dict[str, Any] = {
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "second": np.array([1], np.int64),
        "each": np.array(100, np.float32),
        "step": np.array(0.3, np.float32),
        "shape": np.array([1, 1, 1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["scales", "second"], ["pace"]),
        helper.make_node("Cast", ["input_lengths"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["count", "pace"], ["paced"]),
        helper.make_node("Mul", ["paced", "each"], ["samples"]),
        helper.make_node("Cast", ["samples"], ["length"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["length"], ["end"]),
        helper.make_node("Range", ["zero", "end", "one"], ["places"]),
        helper.make_node("Cast", ["places"], ["time"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["time", "step"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["tone"]),
        helper.make_node("Reshape", ["tone", "shape"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    _save(
        folder / "voice.onnx",
        nodes,
        inputs,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
        {},
        onnx,
    )
    settings: dict[str, Any] = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_id_map": {symbol: [place] for place, symbol in enumerate(_PHONEMES)},
        "num_symbols": len(_PHONEMES),
        "num_speakers": speakers,
        "speaker_id_map": {
            f"speaker{place}": place for place in range(speakers if speakers > 1 else 0)
        },
    }
    if phoneme_type is not None:
        settings["phoneme_type"] = phoneme_type
    (folder / "voice.onnx.json").write_text(json.dumps(settings))
    return folder


def save_t_one(folder: Path, *words: str) -> Path:
    """Write a streaming CTC model at 8 kHz: the n-th loud 300 ms of an utterance are its n-th word.

    Its state counts them. Quiet audio gives blanks.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    size, most = len(words) + 1, 32
    blank = len(words)
    script = np.full((most, size), -10.0, np.float32)
    for place in range(most):
        script[place, place if place < len(words) else blank] = 0.0
    silence = np.full((1, size), -10.0, np.float32)
    silence[0, blank] = 0.0
    constants: dict[str, Any] = {
        "script": script,
        "silence": silence,
        "loud": np.array(1000, np.int32),
        "first": np.array([0], np.int64),
        "one": np.array([1], np.float16),
        "none": np.array([0], np.float16),
        "frames": np.array([1, 10, 1], np.int64),
        "shape": np.array([1, 1, size], np.int64),
        "state_shape": np.array([1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Abs", ["signal"], ["rectified"]),
        helper.make_node("ReduceMax", ["rectified"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "loud"], ["is_loud"]),
        helper.make_node("Reshape", ["state", "first_shape"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["script", "place"], ["word"]),
        helper.make_node("Where", ["is_loud", "word", "silence"], ["row"]),
        helper.make_node("Reshape", ["row", "shape"], ["frame"]),
        helper.make_node("Tile", ["frame", "frames"], ["logprobs"]),
        helper.make_node("Where", ["is_loud", "one", "none"], ["more"]),
        helper.make_node("Add", ["flat", "more"], ["counted"]),
        helper.make_node("Reshape", ["counted", "state_shape"], ["next_state"]),
    ]
    constants["first_shape"] = np.array([1], np.int64)
    del constants["first"]
    _save(
        folder / "model.onnx",
        nodes,
        [
            helper.make_tensor_value_info("signal", TensorProto.INT32, [1, None, 1]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT16, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, [1, 10, size]),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT16, [1, 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
        {"frame_length_ms": "300", "state_dim": "1", "sample_rate": "8000"},
        onnx,
    )
    tokens = [*(f"\u2581{word}" for word in words), "<blk>"]
    lines = [f"{token} {place}\n" for place, token in enumerate(tokens)]
    (folder / "tokens.txt").write_text("".join(lines))
    return folder


def _save(
    file: Path,
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    constants: list[Any],
    metadata: dict[str, str],
    onnx: Any,
) -> None:
    graph = onnx.helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(file))
