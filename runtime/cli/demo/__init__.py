"""The demo: a voice assistant for the home, on real speech, without a network."""

from .runner import run_demo

__all__ = [
    "run_demo",
]
