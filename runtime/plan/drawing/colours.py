"""A colour for each executor."""

from dataclasses import dataclass
from typing import Final

from ..plan import Plan


@dataclass(frozen=True, slots=True)
class Colour:
    """A light and a dark shade, for dark text on a light background."""

    fill: str
    line: str


_KNOWN: Final = {
    "native": Colour("#e6f0fa", "#2f6da8"),
    "multiprocess": Colour("#fdeedd", "#b8661b"),
}
_OTHERS: Final = (
    Colour("#e7f5e9", "#3b8248"),
    Colour("#f2e9f8", "#7b4aa0"),
    Colour("#fbe8ec", "#ad3f57"),
    Colour("#eeeeee", "#5c5c5c"),
)


def colours_of(plan: Plan) -> dict[str, Colour]:
    """Return a colour for each executor of a plan, in the order of their names."""
    executors = sorted({node.executor for node in plan.nodes})
    others = [executor for executor in executors if executor not in _KNOWN]
    chosen = {name: _OTHERS[index % len(_OTHERS)] for index, name in enumerate(others)}
    return {executor: _KNOWN.get(executor) or chosen[executor] for executor in executors}
