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
from itertools import chain
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final

from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from actors import DefinitionError

from ..documents import did_you_mean
from ..errors import CallerError, ConfigError, Fault, described
from .main_module import (
    GUARD_ADVICE,
    MAIN,
    callers,
    file_of_main,
    main_module,
    name_of_main,
    source_of_main,
)

_CLASS: Final = r":[^\W\d]\w*(\.[^\W\d]\w*)*"
_TARGET: Final = re.compile(rf"([^\W\d]\w*(\.[^\W\d]\w*)*|.+\.py){_CLASS}", re.DOTALL)
# The programs that import modules of node types, and do little else.
_IMPORTING_PROGRAMS: Final = tuple(
    f"{__package__.partition('.')[0]}.{folder}."
    for folder in ("execution.process", "catalogue.describing")
)


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
    """Return the target of a class: that by which another process imports it, or else its name."""
    return importable_target(kind) or f"{kind.__module__}:{kind.__qualname__}"


def importable_target(kind: type | FunctionType) -> str | None:
    """Return the target by which another process can import a class; None if none can.

    A class of the running script, of a file that was imported by its path, or of a module that is
    not in sys.path, is imported from its file. A class without a file, as in a notebook, one that
    is defined inside a function, and one that its module does not have under its name (any more),
    cannot be imported.
    """
    module = sys.modules.get(kind.__module__)
    if module is None or _found(module, kind.__qualname__) is not kind:
        return None
    if kind.__module__ == MAIN:
        return _target_in_main(kind)
    file = getattr(module, "__file__", None)
    is_private = file is not None and _private_name(Path(file)) == kind.__module__
    if not is_private and _is_in_path(module):
        return f"{kind.__module__}:{kind.__qualname__}"
    if file is None or not file.endswith(".py") or not Path(file).is_file():
        return None
    return f"{Path(file).resolve()}:{kind.__qualname__}"


def _target_in_main(kind: type | FunctionType) -> str | None:
    source = source_of_main()
    if source is None or not _is_defined_in(kind, source):
        return None  # of a notebook, of standard input, or typed after the script has run
    main = file_of_main()
    return f"{name_of_main() if main is None else main}:{kind.__qualname__}"


def _is_defined_in(kind: type | FunctionType, source: Path) -> bool:
    functions = [value for value in vars(kind).values() if isinstance(value, FunctionType)]
    own = [each for each in functions if each.__module__ == kind.__module__]
    if own:
        return any(Path(each.__code__.co_filename).resolve() == source for each in own)
    text = source.read_text(errors="replace")
    return re.search(rf"^\s*class {kind.__name__}\b", text, re.MULTILINE) is not None


def _found(module: ModuleType, path: str) -> object:
    """Return what a dotted path leads to in a module; None if there is nothing."""
    found: object = module
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _is_in_path(module: ModuleType) -> bool:
    """Return whether another process with the same sys.path finds a module by its name."""
    package, _, _ = module.__name__.rpartition(".")
    path = None
    if package:
        path = getattr(sys.modules.get(package), "__path__", None)
        if path is None or not _is_in_path(sys.modules[package]):
            return False
    spec = getattr(module, "__spec__", None)
    if spec is None or spec.loader is None:
        return spec is not None  # a namespace package
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    found = (finder.find_spec(module.__name__, path) for finder in finders)
    first = next((each for each in found if each is not None), None)
    return first is not None and first.origin == spec.origin


def is_in_main(target: str) -> bool:
    """Return whether a target is in the program that runs."""
    module, _ = split_target(target)
    return Path(module) == file_of_main() if module.endswith(".py") else module == name_of_main()


def is_loaded(target: str) -> bool:
    """Return whether this process has imported the module of a target."""
    module, _ = split_target(target)
    if module.endswith(".py"):
        return is_in_main(target) or _private_name(Path(module)) in sys.modules
    return module in sys.modules or is_in_main(target)


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
        return main_module() if module == name_of_main() else importlib.import_module(module)
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
            message += f"; {GUARD_ADVICE}"
        raise ConfigError([Fault(subject, message)]) from error


def check_not_importing(function: str) -> None:
    """Check that this call does not come from a module that is imported for its node types.

    In a node process, what such a module does in a thread counts as well.

    Args:
        function: the name of what is called, for the message.

    Raises:
        CallerError: it does.
    """
    threads = sys._current_frames()
    if not (name_of_main() or "").startswith(_IMPORTING_PROGRAMS):
        threads = {0: sys._getframe()}
    for frame in chain.from_iterable(map(callers, threads.values())):
        if frame.f_code is import_module.__code__:
            module = frame.f_locals["module"]
            raise CallerError(
                f"{function}() was called while {module} was imported for its node types; "
                f"{GUARD_ADVICE}"
            )


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
    if file == file_of_main():
        return main_module()
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
    elif isinstance(error, CallerError):
        reason = str(error)
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
