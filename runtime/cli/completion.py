"""Completion of arguments in a shell: manifests, and node types."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

_MANIFESTS: Final = frozenset({".json", ".yaml", ".yml"})


def complete_manifest(incomplete: str) -> list[str]:
    """Return the files that can be manifests, and the folders, that begin with `incomplete`."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        return sorted(_candidates(folder + slash, start))
    except OSError:  # there is no such folder, or it is not readable: there is nothing to offer
        return []


def complete_node_type(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the node types whose names begin with `incomplete`.

    The types of --config and --nodes are included, if these options come first.
    """
    from ..errors import MillraceError
    from .terminal import stdout_for_results
    from .workspace import open_workspace

    config, nodes = ctx.params.get("settings"), ctx.params.get("sources")
    try:
        with stdout_for_results(), open_workspace(config, nodes) as workspace:
            names = [node_type.name for node_type in workspace.catalogue]
    except MillraceError:  # the command itself reports it
        return []
    return [name for name in names if name.startswith(incomplete)]


def _candidates(folder: str, start: str) -> Iterator[str]:
    for path in Path(folder or ".").iterdir():
        is_hidden = path.name.startswith(".") and not start
        if is_hidden or not path.name.startswith(start):
            continue
        if path.is_dir():
            yield f"{folder}{path.name}/"
        elif path.suffix.lower() in _MANIFESTS:
            yield f"{folder}{path.name}"
