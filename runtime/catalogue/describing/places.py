"""Files and folders of node modules, and the names that these modules are imported by."""

import sys
from pathlib import Path
from typing import Final

from ...errors import ConfigError, Fault

# What lies beside modules of nodes, and is none.
_OTHERS: Final = ("test_", "_", "conftest.", "setup.", "noxfile.")


def module_names(path: Path) -> dict[str, Path]:
    """Return the modules of a .py file or of a folder: name -> file.

    A folder with an __init__.py is a package; the modules of another are on their own.

    Raises:
        ConfigError: there is no such file or folder, or a name cannot be that of a module.
    """
    if path.is_dir():
        package = f"{path.resolve().name}." if is_package(path) else ""
        files = {
            f"{package}{file.stem}": file
            for file in sorted(path.glob("*.py"))
            if not file.name.startswith(_OTHERS)
        }
        if not files:
            raise ConfigError([Fault(str(path), "has no modules: expected .py files with actors")])
    elif path.suffix == ".py" and path.is_file():
        files = {path.stem: path}
    else:
        reason = "expected a .py file or a folder" if path.exists() else "there is no such file"
        raise ConfigError([Fault(str(path), reason)])
    for name, file in files.items():
        if not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError([Fault(str(file), f"{file.stem!r} cannot be the name of a module")])
    return files


def make_importable(path: Path) -> None:
    """Let the modules of a file or a folder be found by this process, and by those of its nodes."""
    folder = path.resolve().parent if path.is_file() or is_package(path) else path.resolve()
    if str(folder) not in sys.path:
        # Last, so that no file takes the place of an installed module.
        sys.path.append(str(folder))


def is_package(path: Path) -> bool:
    """Return whether a folder is a package."""
    return (path / "__init__.py").is_file()
