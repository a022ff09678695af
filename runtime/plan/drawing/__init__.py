"""The graph of a pipeline: its order, its cycles, and pictures of it."""

from .dot import to_dot
from .svg import to_svg
from .terminal import draw

__all__ = [
    "draw",
    "to_dot",
    "to_svg",
]
