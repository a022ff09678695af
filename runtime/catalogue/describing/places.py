"""Files and folders of node types that the operator names."""

import sys
from pathlib import Path
from typing import Final

from ...errors import ConfigError, Fault

# Python files beside the files of nodes that define no node types.
_OTHERS: Final = ("test_", "_", "conftest.", "setup.", "noxfile.")


def node_files(path: Path) -> list[Path]:
    """Return the files of node types that a path names: a .py file, or those of a folder.

    Raises:
        ConfigError: there is no such file or folder, or the folder has none.
    """
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.py")) if not file.name.startswith(_OTHERS)]
        if not files:
            raise ConfigError([Fault(str(path), "has no modules: expected .py files with actors")])
        return files
    if path.suffix == ".py" and path.is_file():
        return [path]
    reason = "expected a .py file or a folder" if path.exists() else "there is no such file"
    raise ConfigError([Fault(str(path), reason)])


def make_importable(path: Path) -> None:
    """Let the files of nodes import the modules beside them, here and in node processes.

    The folder comes last in sys.path, so that no file of it takes the place of another module.
    """
    folder = path.resolve().parent if path.is_file() or is_package(path) else path.resolve()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def is_package(path: Path) -> bool:
    """Return whether a folder is a package."""
    return (path / "__init__.py").is_file()
