"""A profile as rows: where the time of each node went."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows

if TYPE_CHECKING:
    from ...execution.profiling import NodeProfile

_NUMBERS: Final = ("initialize", "waiting", "processing", "sending")
_FRAME: Final = re.compile(r"(?P<function>.*) \((?P<file>.*):(?P<line>\d+)\)")


def print_profile(console: Console, profiles: "Iterable[NodeProfile]") -> None:
    """Print a row for each node: its times in seconds, and its busiest function."""
    rows = [
        (
            Text(profile.node, "bold"),
            *(
                Text(f"{seconds:.3f} s")
                for seconds in (
                    profile.initializing,
                    profile.waiting,
                    profile.processing,
                    profile.sending,
                )
            ),
            _busiest(profile),
        )
        for profile in profiles
    ]
    columns = (Column("node"), *(Column(name, justify="right") for name in _NUMBERS))
    print_rows(console, columns, "busiest function", rows)


def _busiest(profile: "NodeProfile") -> Text:
    """Return where most samples were taken: the function, and module:line of its definition."""
    stack = max(profile.stacks, key=lambda stack: profile.stacks[stack], default="")
    # Only here, as it imports how actors run, and most tables are of other things.
    from ...execution.profiling import FRAME_SEPARATOR

    frame = _FRAME.fullmatch(stack.rpartition(FRAME_SEPARATOR)[2])
    if frame is None:
        return Text()
    place = f"{_module_of(frame['file'])}:{frame['line']}"
    return Text.assemble(frame["function"], "  ", (place, "dim"))


def _module_of(file: str) -> str:
    """Return the dotted name under which a file can be imported; its stem if it cannot be."""
    path = Path(file)
    folders = sorted((Path(each).absolute() for each in sys.path), key=_depth, reverse=True)
    for folder in folders:
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            return ".".join(parts).removesuffix(".__init__")
    return path.stem


def _depth(path: Path) -> int:
    return len(path.parts)
