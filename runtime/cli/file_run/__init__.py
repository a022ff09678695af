"""A run of a manifest on files: inputs into its sources, results of its sinks into outputs."""

from .options import RunOptions
from .runner import run_on_files
from .stop_signals import stopped_by_signals
from .watch import run_on_changes

__all__ = [
    "RunOptions",
    "run_on_changes",
    "run_on_files",
    "stopped_by_signals",
]
