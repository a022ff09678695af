"""`millrace new`: a node, its test, and a manifest that uses it."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

_NAME: Final = re.compile(r"([A-Z][a-z0-9]*)+")


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Class name, such as MyNode.")],
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Folder for the files.")
    ] = Path(),
) -> None:
    """Write a node, its test, and a manifest that uses it.

    Three files: my_node.py, test_my_node.py and my_node.json. No file is overwritten.
    """
    from ..errors import CommandError
    from ..node_templates import files_of, module_name, name_fault
    from ..terminal import error_console, errors_reported

    console = error_console()
    with errors_reported(console, verbose=False):
        if not _NAME.fullmatch(name):
            raise CommandError(f"{name}: expected the name of a class, such as MyNode")
        files = {folder / path: text for path, text in files_of(name).items()}
        for path in files:
            if path.exists():
                raise CommandError(f"{path} is there already; nothing was written")
        fault = name_fault(name)
        if fault:
            raise CommandError(f"{name}: {fault}; nothing was written")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, text in files.items():
                path.write_text(text, "utf-8")
        except OSError as error:
            raise CommandError(f"{error.filename}: cannot be written: {error.strerror}") from error
        module = module_name(name)
        lines = [f"wrote {path}" for path in files]
        lines += [
            "test it: pytest " + str(folder / f"test_{module}.py"),
            f"run it:  echo hello | millrace run {folder / module}.json --nodes "
            f"{folder / module}.py",
        ]
        # A command to copy is not wrapped.
        console.print("\n".join(lines), soft_wrap=True)
