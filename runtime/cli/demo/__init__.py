"""The demo: a voice assistant for the home, on real speech, without a network."""

from .pipelines import NODE_TYPES, assistant_pipeline, speaking_pipeline
from .runner import run_demo
from .web import serve_demo

__all__ = [
    "NODE_TYPES",
    "assistant_pipeline",
    "speaking_pipeline",
    "run_demo",
    "serve_demo",
]
