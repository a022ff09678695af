"""What clients ask of a server: one line each, with the right answer. To add one, add a line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.service.messages import audio_buffer, chunk, json_buffer, make, text_buffer


@dataclass(frozen=True, slots=True)
class ClientSituation:
    """A stream: its nodes, its chunks, and the right answer.

    Attributes:
        error: the type of the error that ends the stream; empty if it succeeds.
        words: match the message of the error, or the one text that comes out.
        node: the failing node that the error names.
    """

    what: str
    nodes: Mapping[str, Any]
    error: str
    words: str
    chunks: Callable[[], Sequence[Any]] = tuple
    node: str = ""
    connections: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def send(buffer: Callable[..., Any], *given: Any, **fields: Any) -> Callable[[], Sequence[Any]]:
    return lambda: [chunk(buffer(*given), 0, **fields)]


def json_text(payload: str) -> Any:
    return make("DataBuffer", json=make("JsonData", json_payload=payload))


def raw_text(data: bytes) -> Any:
    return make("DataBuffer", text=make("TextBuffer", text_data=data))


def node(node_type: str, **params: Any) -> dict[str, Any]:
    return {"a": (node_type, params)}


ECHO = {"a": "EchoNode"}
PASS = {"a": "PassThrough"}
SAMPLES = np.zeros(160, np.float32)

# fmt: off
CLIENTS = [
    ClientSituation("text", ECHO, "", "Echo #1: hello", send(text_buffer, "hello")),
    ClientSituation("text of another script", ECHO, "", "Echo #1: \u65e5\u672c\u8a9e", send(text_buffer, "\u65e5\u672c\u8a9e")),
    ClientSituation("text that is not UTF-8", ECHO, "VALIDATION", "UTF-8", send(raw_text, b"\xff\xfe"), node="a"),
    ClientSituation("a chunk for a node that is not there", ECHO, "VALIDATION", "no node 'b'|'b'", send(text_buffer, "x", node="b")),
    ClientSituation("audio of a length that does not fit", PASS, "VALIDATION", "a", lambda: [chunk(audio_buffer(SAMPLES, num_samples=7), 0)], node="a"),
    ClientSituation("audio at 0 Hz", PASS, "VALIDATION", "sample_rate|Hz", lambda: [chunk(audio_buffer(SAMPLES, sample_rate=0), 0)], node="a"),
    ClientSituation("audio for a node that takes JSON", node("CalculatorNode"), "TYPE_VALIDATION", "audio", send(audio_buffer, SAMPLES), node="a"),
    ClientSituation("JSON that is none", PASS, "VALIDATION", "JSON", send(json_text, "{"), node="a"),
    ClientSituation("JSON with NaN", node("MultiplyNode"), "VALIDATION|NODE_EXECUTION", "NaN|JSON", send(json_text, "NaN"), node="a"),
    ClientSituation("a division by zero", node("CalculatorNode"), "NODE_EXECUTION", "division by zero", send(json_buffer, {"operation": "divide", "operands": [1, 0]}), node="a"),
    ClientSituation("an unknown node type", {"a": "NoSuchNode"}, "VALIDATION", "NoSuchNode"),
    ClientSituation("an unknown param", node("EspeakNode", voise="en"), "VALIDATION", "voise.*voice"),
    ClientSituation("a chunk size that holds a whole stream", node("AudioChunkerNode", chunk_size=10**15), "VALIDATION", "from 1 to 4194304"),
    ClientSituation("a param of the size of a book", node("JsonToText", field="x" * 100_000), "VALIDATION", "field"),
    ClientSituation("a pattern with a look-ahead", node("TextCollectorNode", split_pattern="(?=x)y"), "VALIDATION", "RE2's syntax"),
    ClientSituation("a pattern that stops backtracking engines", node("TextCollectorNode", split_pattern="(?:a?|b?){60}c"), "", "abc", send(text_buffer, "abc")),
    ClientSituation("a model by its path", node("WhisperNode", model="/etc"), "VALIDATION", "a client gives a name without a path"),
    ClientSituation("a model outside of the folder", node("KokoroTTSNode", model="../../etc"), "VALIDATION", "a client gives a name without a path"),
    ClientSituation("a voice that is a path", node("EspeakNode", voice="en+/etc/hostname"), "VALIDATION", "voice"),
    ClientSituation("a grammar that imports a file", node("PocketSphinxNode", grammar="#JSGF V1.0; grammar a; import </etc/passwd.x>; public <b> = c;"), "VALIDATION", "must not import"),
    ClientSituation("a template that reaches into objects", node("HFPipelineNode", task="zero-shot-classification", model="m", arguments={"candidate_labels": "a", "hypothesis_template": "{0.__class__}"}), "VALIDATION", "hypothesis_template"),
    ClientSituation("a connection to nowhere", ECHO, "VALIDATION", "nowhere", connections=("a > nowhere",)),
    ClientSituation("a cycle", {"a": "EchoNode", "b": "EchoNode"}, "VALIDATION", "cycle|circle", connections=("a > b", "b > a")),
    ClientSituation("a node that feeds itself", ECHO, "VALIDATION", "cannot read its own output", connections=("a > a",)),
    ClientSituation("no node at all", {}, "VALIDATION", "node"),
    ClientSituation("a setting beyond its bounds", ECHO, "VALIDATION|RESOURCE_LIMIT", "channel_capacity", settings={"channel_capacity": 2**31}),
]
# fmt: on
