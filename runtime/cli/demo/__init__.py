"""The demonstration: a voice assistant for the home, on real speech, without a network."""

from .command import run_demo

__all__ = [
    "run_demo",
]
