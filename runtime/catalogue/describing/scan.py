"""Finds the actors of a file, a folder or a module by importing it: for a child process only."""

from pathlib import Path
from types import ModuleType

from actors import Actor

from ..modules import import_module
from .places import node_files


def scan_path(path: Path) -> dict[str, str]:
    """Return the actors of a .py file or of a folder's files: name -> "/folder/file.py:Class".

    Raises:
        ConfigError: a file cannot be imported.
    """
    found: dict[str, str] = {}
    for file in node_files(path):
        module = import_module(str(file.resolve()), subject=str(file))
        found |= {
            kind.__name__: f"{file.resolve()}:{kind.__qualname__}"
            for kind in _actors_of(module)
            if kind.__module__ == module.__name__
        }
    return found


def scan_module(name: str) -> dict[str, str]:
    """Return the actors that a module or a package defines or offers: name -> "module:Class"."""
    return {
        kind.__name__: f"{kind.__module__}:{kind.__qualname__}"
        for kind in _actors_of(import_module(name))
        if f"{kind.__module__}.".startswith(f"{name}.")
    }


def _actors_of(module: ModuleType) -> list[type]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Actor)
        and kind.process is not Actor.process
        and not kind.__name__.startswith("_")
    ]
