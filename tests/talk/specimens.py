"""Pipelines to talk with."""

from collections.abc import Iterator
from typing import Any

from actors import Actor, Kind, NoParams, Text
from runtime import Manifest, manifest_from

FIRST = "what time is it"
SECOND = "turn the lights on in the kitchen"
LONG_ANSWER = "It is late, and " + "this is a very long story about it, " * 12
SHORT_ANSWER = "The lights in the kitchen are on now."
GRAMMAR = f"""#JSGF V1.0;
grammar test;
public <command> = {FIRST} | {SECOND} ;
"""
HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"


class TalkativeNode(Actor[NoParams]):
    """Answer the first command at length, and any other shortly."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Iterator[Text]:
        yield Text(LONG_ANSWER if item.text == FIRST else SHORT_ANSWER)


NODE_TYPES = {"TalkativeNode": TalkativeNode}


def of(name: str, nodes: dict[str, tuple[str, dict[str, Any]]], *pairs: str) -> Manifest:
    """Return a pipeline."""
    return manifest_from(
        {
            "version": "v1",
            "metadata": {
                "name": name,
                "description": f"A pipeline called {name}.",
                "multiprocess": {"executor_overrides": {"answer": "native"}},
            }
            if "answer" in nodes
            else {"name": name, "description": f"A pipeline called {name}."},
            "nodes": [
                {"id": node, "node_type": kind, "params": params}
                for node, (kind, params) in nodes.items()
            ],
            "connections": [
                {"from": pair.split(" > ")[0], "to": pair.split(" > ")[1]} for pair in pairs
            ],
        }
    )


def assistant() -> Manifest:
    """Recognizes two commands, and answers."""
    return of(
        "Test assistant",
        {
            "resample": ("FastResampleNode", {"target_rate": 16000}),
            "chunk": ("AudioChunkerNode", {"chunk_size": 512}),
            "vad": ("SileroVADNode", {"min_silence_duration_ms": 300}),
            "hear": ("PocketSphinxNode", {"grammar": GRAMMAR, "silence_ms": 300}),
            "heard": ("PassThrough", {}),
            "answer": ("TalkativeNode", {}),
            "said": ("PassThrough", {}),
            "speak": ("EspeakNode", {"voice": "en-us+m3", "rate_wpm": 170}),
        },
        "resample > chunk",
        "chunk > vad",
        "vad > hear",
        "hear > heard",
        "hear > answer",
        "answer > said",
        "answer > speak",
    )


def echo() -> Manifest:
    """Gives back what it gets."""
    return of("Echo", {"echo": ("PassThrough", {})})
