"""Finds the actors of a file, a folder or a module by importing it: for a child process only."""

from pathlib import Path
from types import ModuleType

from actors import Actor

from ...errors import ConfigError, Fault
from ..modules import import_module
from .places import node_files


def scan_path(path: Path) -> dict[str, str]:
    """Return the actors of a .py file or of a folder's files: name -> "/folder/file.py:Class".

    Raises:
        ConfigError: a file cannot be imported, or the only file has an actor without process().
    """
    found: dict[str, str] = {}
    for file in node_files(path):
        module = import_module(str(file.resolve()), subject=str(file))
        found |= {
            kind.__name__: f"{file.resolve()}:{kind.__qualname__}"
            for kind in _actors_of(module)
            if kind.__module__ == module.__name__
        }
    if not found and path.is_file():
        _check_has_process(path)
    return found


def _check_has_process(file: Path) -> None:
    """Raise ConfigError if a file without actors defines a class that lacks only process()."""
    module = import_module(str(file.resolve()), subject=str(file))
    for name, kind in vars(module).items():
        if (
            isinstance(kind, type)
            and issubclass(kind, Actor)
            and kind.__module__ == module.__name__
            and not name.startswith("_")
        ):
            message = (
                f"{name} is no node type: it has no process; add def process(self, item), or "
                "def generate(self) for a source"
            )
            raise ConfigError([Fault(str(file), message)])


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
        and kind.can_process()
        and not kind.__name__.startswith("_")
    ]
