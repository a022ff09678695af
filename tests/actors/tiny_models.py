"""Models of a few kilobytes, in the files that the real ones have, for the real loaders."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What ByteLevel makes of each byte, so that every text has tokens: the printable ones stay.
_BYTES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTES += [256 + place for place in range(256 - len(_BYTES))]
BYTE_TOKENS = [chr(code) for code in _BYTES]

_LANGUAGES = ["en", "de", "fr"]


def save_whisper(folder: Path, *words: str, language: str | None = None) -> Path:
    """Write a Whisper model for CTranslate2 that says `words`, until 0.8 s of what it hears.

    Its layers are all zero, so a decoder's state is its position alone: one of the dimensions. The
    projection gives every position its next token. Without a language it is an English-only model.
    """
    from ctranslate2.specs import whisper_spec

    folder.mkdir(parents=True, exist_ok=True)
    tokens = _whisper_tokens(words, multilingual=language is not None)
    prompt = [] if language is None else [f"<|{language}|>", "<|transcribe|>"]
    said = (f"Ġ{word}" for word in words)
    script = [*prompt, "<|0.00|>", *said, "<|0.80|>", "<|endoftext|>"]
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    _fill_whisper(spec, len(tokens), [tokens.index(token) for token in script])
    spec.config.lang_ids = [tokens.index(f"<|{name}|>") for name in _LANGUAGES]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.save(str(folder))
    _save_whisper_tokenizer(folder, tokens)
    return folder


def _whisper_tokens(words: tuple[str, ...], *, multilingual: bool) -> list[str]:
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{name}|>" for name in _LANGUAGES)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    special += ["<|nospeech|>", "<|notimestamps|>"]
    times = [f"<|{place * 0.02:.2f}|>" for place in range(1501)]
    text = [*BYTE_TOKENS, *(f"Ġ{word}" for word in dict.fromkeys(words))]
    # By the empty token the library tells a model of many languages.
    text += [""] if multilingual else []
    return [*text, *special, *times]


def _fill_whisper(spec, vocabulary: int, script: list[int], size: int = 16) -> None:
    # Layer norm of one dimension among `size`: sqrt(size) there. The weight makes it stand out.
    projection = np.zeros((vocabulary, size), np.float32)
    for position, token in enumerate(script):
        projection[token, position] = 10.0
    projection[script[-1], len(script) :] = 10.0

    def linear(layer, outputs: int, inputs: int) -> None:
        layer.weight = np.zeros((outputs, inputs), np.float32)
        layer.bias = np.zeros(outputs, np.float32)

    def norm(layer) -> None:
        layer.gamma, layer.beta = np.ones(size, np.float32), np.zeros(size, np.float32)

    def block(layer, *attentions) -> None:
        for attention in attentions:
            norm(attention.layer_norm)
            sizes = (
                [3 * size, size] if attention is layer.self_attention else [size, 2 * size, size]
            )
            for each, outputs in zip(attention.linear, sizes, strict=True):
                linear(each, outputs, size)
        norm(layer.ffn.layer_norm)
        linear(layer.ffn.linear_0, size, size)
        linear(layer.ffn.linear_1, size, size)

    encoder, decoder = spec.encoder, spec.decoder
    for conv, inputs in ((encoder.conv1, 80), (encoder.conv2, size)):
        conv.weight = np.zeros((size, inputs, 3), np.float32)
        conv.bias = np.zeros(size, np.float32)
    encoder.position_encodings.encodings = np.zeros((1500, size), np.float32)
    norm(encoder.layer_norm)
    block(encoder.layer[0], encoder.layer[0].self_attention)
    decoder.embeddings.weight = np.zeros((vocabulary, size), np.float32)
    decoder.position_encodings.encodings = np.eye(448, size, dtype=np.float32)
    norm(decoder.layer_norm)
    layer = decoder.layer[0]
    block(layer, layer.self_attention, layer.attention)
    linear(decoder.projection, vocabulary, size)
    decoder.projection.weight = projection


def _save_whisper_tokenizer(folder: Path, tokens: list[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE({token: place for place, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in tokens if token.startswith("<|")])
    tokenizer.save(str(folder / "tokenizer.json"))


def save_kokoro(folder: Path, *voices: str, frames_per_token: int = 240) -> Path:
    """Write a Kokoro model that hums: so many frames a token, as loud as the voice's style."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    constants: dict[str, NDArray[Any]] = {
        "one": np.array(1, np.int64),
        "zero": np.array(0, np.int64),
        "frames": np.array([frames_per_token], np.int64),
        "step": np.array(0.3, np.float32),
        "axes": np.array([0], np.int64),
    }
    nodes = [
        helper.make_node("Shape", ["tokens"], ["count"], start=1, end=2),
        helper.make_node("Mul", ["count", "frames"], ["unhurried"]),
        helper.make_node("Cast", ["unhurried"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["as_float", "speed"], ["hurried"]),
        helper.make_node("Cast", ["hurried"], ["length"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["length", "axes"], ["end"]),
        helper.make_node("Range", ["zero", "end", "one"], ["places"]),
        helper.make_node("Cast", ["places"], ["time"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["time", "step"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["tone"]),
        helper.make_node("ReduceMax", ["style"], ["loudness"], keepdims=0),
        helper.make_node("Mul", ["tone", "loudness"], ["audio"]),
    ]
    graph = helper.make_graph(
        nodes,
        "kokoro",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, None]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(folder / "kokoro-tiny.onnx"))
    styles: dict[str, Any] = {name: np.full((510, 1, 256), 0.5, np.float32) for name in voices}
    with (folder / "voices-tiny.bin").open("wb") as file:
        np.savez(file, **styles)
    return folder
