"""The two pipelines of the demo: one that synthesizes the commands, and the assistant."""

from typing import Any, Final

from ...manifest import Manifest, manifest_from
from .answer_node import GRAMMAR, AnswerNode

ASSISTANT_VOICE: Final = "en-us+m3"
USER_VOICE: Final = "en-us+f3"

NODE_TYPES: Final = {"AnswerNode": AnswerNode}


def speaking_pipeline() -> Manifest:
    """Return the pipeline that turns text into the user's voice: text in, audio out."""
    speaker = {"voice": USER_VOICE, "rate_wpm": 150, "stream_chunks": False}
    return _manifest("voice of the user", [("user", "EspeakNode", speaker)], [])


def assistant_pipeline() -> Manifest:
    """Return the assistant: audio of any rate in, recognized commands and answers out."""
    return _manifest(
        "home assistant",
        [
            ("resample", "FastResampleNode", {"target_rate": 16000, "quality": "High"}),
            ("chunk", "AudioChunkerNode", {"chunk_size": 512}),
            ("vad", "SileroVADNode", {"min_silence_duration_ms": 300}),
            ("hear", "PocketSphinxNode", {"grammar": GRAMMAR}),
            ("heard", "PassThrough", {}),
            ("answer", "AnswerNode", {}),
            ("said", "PassThrough", {}),
            ("speak", "EspeakNode", {"voice": ASSISTANT_VOICE, "rate_wpm": 170}),
        ],
        [
            ("resample", "chunk"),
            ("chunk", "vad"),
            ("vad", "hear"),
            ("hear", "heard"),
            ("hear", "answer"),
            ("answer", "said"),
            ("answer", "speak"),
        ],
    )


def _manifest(
    name: str, nodes: list[tuple[str, str, dict[str, Any]]], connections: list[tuple[str, str]]
) -> Manifest:
    return manifest_from(
        {
            "version": "v1",
            "metadata": {
                "name": name,
                # AnswerNode is part of the demo and quick: it needs no process.
                "multiprocess": {
                    "executor_overrides": {
                        node_id: "native" for node_id, kind, _ in nodes if kind in NODE_TYPES
                    }
                },
            },
            "nodes": [
                {"id": node_id, "node_type": kind, "params": params}
                for node_id, kind, params in nodes
            ],
            "connections": [{"from": source, "to": target} for source, target in connections],
        }
    )
