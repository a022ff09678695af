"""Manifests to start from."""

import copy
from typing import Any

GOOD: dict[str, Any] = {
    "version": "v1",
    "metadata": {
        "name": "speech",
        "description": "two branches",
        "created_at": "2026-01-31T12:00:00Z",
        "multiprocess": {
            "max_processes_per_session": 4,
            "channel_capacity": 50,
            "init_timeout_secs": 2.5,
            "enable_backpressure": False,
            "executor_overrides": {"b": "native"},
        },
        "team": {"name": "audio"},
    },
    "nodes": [
        {"id": "a", "node_type": "PassThrough", "params": {}},
        {
            "id": "b",
            "node_type": "PassThrough",
            "is_streaming": True,
            "capabilities": {
                "gpu": {"type": "any", "min_memory_gb": 0, "required": False},
                "cpu": {"cores": 1, "arch": "x86_64"},
                "memory_gb": 0.5,
            },
            "runtime_hint": "RUNTIME_HINT_AUTO",
            "input_types": ["audio"],
            "output_types": [4],
        },
        {"id": "c", "node_type": "PassThrough", "params": "{}"},
    ],
    "connections": [{"from": "a", "to": "b"}, {"from": "a", "to": "c"}],
}


def good() -> dict[str, Any]:
    """Return a manifest with every key, for a test to spoil."""
    return copy.deepcopy(GOOD)


def pipeline(*nodes: str, edges: str = "", **multiprocess: Any) -> dict[str, Any]:
    """Return a manifest of nodes as "id:Type", joined by edges as "a>b b>c"."""
    return {
        "version": "v1",
        "metadata": {"name": "test", "multiprocess": multiprocess},
        "nodes": [
            dict(zip(("id", "node_type"), (*node.split(":"), "PassThrough"), strict=False))
            for node in nodes
        ],
        "connections": [
            dict(zip(("from", "to"), edge.split(">"), strict=True)) for edge in edges.split()
        ],
    }
