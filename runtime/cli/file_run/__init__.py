"""A run of a manifest on files: inputs into its sources, results of its sinks into outputs."""

from .options import RunOptions
from .runner import run_on_files
from .watch import run_on_changes

__all__ = [
    "RunOptions",
    "run_on_changes",
    "run_on_files",
]
