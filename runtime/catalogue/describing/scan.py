"""Find the actors of a file, a folder or a module, by importing it: for a child process only."""

from pathlib import Path
from types import ModuleType

from actors import Actor

from ...errors import ConfigError, Fault
from ..lookup import import_module_of_nodes
from .places import module_names


def scan_path(path: Path) -> dict[str, str]:
    """Return the actors of a .py file or of a folder's modules: name -> "module:Class".

    Raises:
        ConfigError: one cannot be imported, or its name is that of another module.
    """
    found: dict[str, str] = {}
    for name, file in module_names(path).items():
        module = import_module_of_nodes(name)
        actual = Path(getattr(module, "__file__", None) or "").resolve()
        if actual != file.resolve():
            message = f"another module is named {name} too ({actual}): give the file another name"
            raise ConfigError([Fault(str(file), message)])
        found |= _actors_of(module, name)
    return found


def scan_module(name: str) -> dict[str, str]:
    """Return the actors that a module or a package has or offers."""
    module = import_module_of_nodes(name)
    return _actors_of(module, name)


def _actors_of(module: ModuleType, name: str) -> dict[str, str]:
    return {
        kind.__name__: f"{kind.__module__}:{kind.__qualname__}"
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Actor)
        and (kind.__module__ == name or kind.__module__.startswith(f"{name}."))
        and kind.process is not Actor.process
        and not kind.__name__.startswith("_")
    }
