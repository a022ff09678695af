"""Imports the module of a node type: by its name, or from a file by its path.

The target of a node type is "module:Class" or "/folder/file.py:Class". A file is loaded under a
private module name, so that it may have the name of any other module: random.py, whisper.py, or one
of Millrace's own.
"""

import hashlib
import importlib
import importlib.util
import re
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from actors import DefinitionError

from ..documents import did_you_mean
from ..errors import ConfigError, Fault, described

_CLASS: Final = r":[^\W\d]\w*(\.[^\W\d]\w*)*"
_TARGET: Final = re.compile(rf"([^\W\d]\w*(\.[^\W\d]\w*)*|.+\.py){_CLASS}", re.DOTALL)
_MAIN: Final = "__main__"


def is_target(text: str) -> bool:
    """Return whether a text is of the form "module:Class" or "file.py:Class"."""
    return _TARGET.fullmatch(text) is not None


def absolute_target(target: str) -> str:
    """Return a target whose file, if it has one, does not depend on the current folder."""
    module, _, class_name = target.rpartition(":")
    return f"{Path(module).resolve()}:{class_name}" if module.endswith(".py") else target


def split_target(target: str) -> tuple[str, str]:
    """Return the module, or the path of the file, and the class of a target.

    Raises:
        ConfigError: it is no target.
    """
    if not is_target(target):
        raise ConfigError([Fault(target, 'expected "module:Class"')])
    module, _, class_name = target.rpartition(":")
    return module, class_name


def target_of(kind: type) -> str:
    """Return the target of a class, by which another process can import it.

    A class of the running script, or of a file that was imported by its path, is imported from that
    file. A class without a file, as in a notebook, has the module __main__ in its target;
    `is_importable` is False for it.

    Raises:
        ConfigError: the class is defined inside a function.
    """
    target = f"{kind.__module__}:{kind.__qualname__}"
    if "<" in kind.__qualname__:
        message = "is defined inside a function, where no other process can import it"
        raise ConfigError([Fault(target, message)])
    if kind.__module__ != _MAIN:
        source = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if source is not None and _private_name(Path(source)) == kind.__module__:
            return f"{source}:{kind.__qualname__}"
        return target
    main = sys.modules[_MAIN]
    if main.__spec__ is not None:  # python -m package.module
        return f"{main.__spec__.name}:{kind.__qualname__}"
    file = _file_of_main()
    return target if file is None else f"{file}:{kind.__qualname__}"


def is_importable(target: str) -> bool:
    """Return whether another process can import a target: whether it is not in __main__ alone."""
    return target.rpartition(":")[0] != _MAIN


def is_loaded(target: str) -> bool:
    """Return whether this process has imported the module of a target."""
    module, _ = split_target(target)
    if module.endswith(".py"):
        file = Path(module)
        return file == _file_of_main() or _private_name(file) in sys.modules
    return module in sys.modules or module == _name_of_main()


def import_module(module: str, *, subject: str = "", extra: str | None = None) -> ModuleType:
    """Import a module of node types.

    Args:
        module: its name, or the path of its file.
        subject: the beginning of an error message; by default the module.
        extra: the extra of this distribution that brings the libraries of the module.

    Raises:
        ConfigError: it cannot be imported; the message gives the reason.
    """
    subject = subject or module
    is_file = module.endswith(".py")
    name = Path(module).stem if is_file else module
    try:
        if is_file:
            return import_file(Path(module))
        return sys.modules[_MAIN] if module == _name_of_main() else importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing == module or module.startswith(f"{missing}."):
            message = f"there is no module {missing}; is it installed?"
        else:
            message = f"{name} needs the module {missing}, which is not installed"
        if extra is not None:
            message += f'; pip install "millrace-runtime[{extra}]"'
        raise ConfigError([Fault(subject, message)]) from error
    except DefinitionError as error:
        raise ConfigError([Fault(subject, str(error))]) from error
    except BaseException as error:
        if (
            isinstance(error, KeyboardInterrupt)
            and signal.getsignal(signal.SIGINT) != signal.SIG_IGN
        ):
            raise  # it may be the user's Ctrl-C
        message = _import_fault(name, error)
        if is_file and type(error) is RuntimeError and _runs_on_import(Path(module)):
            message += '; put the code that runs a pipeline under if __name__ == "__main__":'
        raise ConfigError([Fault(subject, message)]) from error


def import_file(file: Path) -> ModuleType:
    """Import a file under a private module name; once, as any module.

    A file in a package belongs to that package, which is loaded under a private name too, so that
    relative imports work. Another file may import the modules beside it: its folder comes last in
    sys.path, so that none of these takes the place of another module.

    Raises:
        FileNotFoundError: there is no such file.
        Exception: whatever the code of the file raises.
    """
    file = file.resolve()
    if file == _file_of_main():
        return sys.modules[_MAIN]
    name = _private_name(file)
    if name in sys.modules:
        return sys.modules[name]
    package = _top_package(file)
    folder = str((package or file).parent)
    if folder not in sys.path:
        sys.path.append(folder)
    if package is None:
        return _load(name, file)
    top = name.partition(".")[0]
    if top not in sys.modules:
        _load(top, package / "__init__.py", package)
    return importlib.import_module(name)


def attribute_of(module: ModuleType, path: str, target: str) -> object:
    """Return what a dotted path leads to in a module.

    Raises:
        ConfigError: there is nothing of that name; the message has the nearest one.
    """
    found: object = module
    for part in path.split("."):
        if not hasattr(found, part):
            names = [
                name
                for name, value in getattr(found, "__dict__", {}).items()
                if isinstance(value, type)
            ]
            hint = did_you_mean(part, names, or_else="its classes")
            message = f"{target.rpartition(':')[0]} has no {part}; {hint}"
            raise ConfigError([Fault(target, message)])
        found = getattr(found, part)
    return found


def _import_fault(name: str, error: BaseException) -> str:
    """Return what went wrong in the code of a module, with the line."""
    frames = traceback.extract_tb(error.__traceback__)
    stem = name.rpartition(".")[2]
    lines = [frame.lineno for frame in frames if Path(frame.filename).stem == stem]
    line = f"line {lines[-1]}" if lines else ""
    if isinstance(error, PydanticSchemaGenerationError):
        kind = error.message.removeprefix("Unable to generate pydantic-core schema for ")
        reason = f"{kind.partition('. ')[0]} is no type of a param: JSON has no value of it"
    elif isinstance(error, PydanticUserError):
        # A declaration of params that pydantic refuses. The rest of its text is on pydantic's use.
        reason = error.message.partition(". ")[0]
    else:
        reason = f"importing {name} raised {described(error)}"
        return f"{reason}, {line}" if line else reason
    return f"{line}: {reason}" if line else reason


def _load(name: str, file: Path, package: Path | None = None) -> ModuleType:
    search = None if package is None else [str(package)]
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # As the import statement does: half a module must not be found by the next import.
        sys.modules.pop(name, None)
        raise
    return module


def _runs_on_import(file: Path) -> bool:
    """Return whether a script has no main guard: a node process that imports it runs all of it."""
    return "__main__" not in file.read_text(errors="replace")


def _private_name(file: Path) -> str:
    """Return the module name of a file; the name of a package's file begins with the package."""
    package = _top_package(file)
    top = file if package is None else package
    stem = re.sub(r"\W", "_", top.stem)
    name = f"_millrace_{stem}_{hashlib.sha256(str(top).encode()).hexdigest()[:8]}"
    if package is None:
        return name
    parts = file.relative_to(package).with_suffix("").parts
    return ".".join([name, *(part for part in parts if part != "__init__")])


def _top_package(file: Path) -> Path | None:
    """Return the outermost folder with an __init__.py around a file."""
    found = None
    for folder in file.parents:
        if not (folder / "__init__.py").is_file():
            break
        found = folder
    return found


def _file_of_main() -> Path | None:
    """Return the file of the running script; None for a module, standard input and notebooks."""
    main = sys.modules.get(_MAIN)
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        return None
    path = Path(file).resolve()
    # The command of an installed program has no suffix, and is no module that can be imported.
    return path if path.suffix == ".py" and path.is_file() else None


def _name_of_main() -> str | None:
    spec = getattr(sys.modules.get(_MAIN), "__spec__", None)
    return None if spec is None else spec.name
