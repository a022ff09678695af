"""The program that runs: a script, a module, or neither, as in a notebook."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import FrameType, ModuleType
from typing import Final

from ..errors import ConfigError, Fault

MAIN: Final = "__main__"

GUARD_ADVICE: Final = 'put the code that runs a pipeline under if __name__ == "__main__":'


def main_module() -> ModuleType:
    """Return the module of the program."""
    return sys.modules[MAIN]


def file_of_main() -> Path | None:
    """Return the file of the running script; None for a module, standard input and notebooks."""
    main = sys.modules.get(MAIN)
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        return None
    path = Path(file).resolve()
    # The command of an installed program has no suffix, and is no module that can be imported.
    return path if path.suffix == ".py" and path.is_file() else None


def name_of_main() -> str | None:
    """Return the name of a module that was started with `python -m`; None for other programs."""
    spec = getattr(sys.modules.get(MAIN), "__spec__", None)
    return None if spec is None else spec.name


def source_of_main() -> Path | None:
    """Return the file of the program, script or module; None if it has none."""
    file = getattr(main_module(), "__file__", None)
    path = None if file is None else Path(file).resolve()
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def check_main_guard() -> None:
    """Check that a node process that imports the program does not run it again.

    The line of the program that runs now, and that opens a session, must be in a statement that
    looks at `__name__`.

    Raises:
        ConfigError: it is not; the message has the line.
    """
    source, line = source_of_main(), _running_line()
    if source is None or line is None:
        return
    stamp = source.stat()
    if not _is_guarded(source, line, (stamp.st_mtime_ns, stamp.st_size)):
        message = (
            f"line {line} of {source.name} runs a pipeline, and would run in every node process, "
            f"which imports {source.name} to find its classes; {GUARD_ADVICE}"
        )
        raise ConfigError([Fault(str(source), message)])


def _running_line() -> int | None:
    """Return the line of the program's own module that runs; None once it has run to its end."""
    main = main_module()
    for frame in chain.from_iterable(map(callers, sys._current_frames().values())):
        if frame.f_globals is main.__dict__ and frame.f_code.co_name == "<module>":
            return frame.f_lineno
    return None


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Iterate over a frame and its callers, to the outermost one of the thread."""
    while frame is not None:
        yield frame
        frame = frame.f_back


@cache
def _is_guarded(source: Path, line: int, _stamp: tuple[int, int]) -> bool:
    """Return whether the statement of the module at a line looks at `__name__`."""
    try:
        module = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True  # it has changed since it started; the node process will show
    for statement in module.body:
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            names = (each for each in ast.walk(statement) if isinstance(each, ast.Name))
            return any(name.id == "__name__" for name in names)
    return True
