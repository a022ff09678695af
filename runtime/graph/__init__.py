"""The graph of a pipeline: its order, its cycles, and pictures of it."""

from .cycles import Cycle, cycles
from .dot import to_dot
from .order import topological_order
from .svg import to_svg
from .terminal import draw

__all__ = ["Cycle", "cycles", "draw", "to_dot", "to_svg", "topological_order"]
