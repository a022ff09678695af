"""The folder that has a model's weights: on this machine, never on the network."""

import os
import re
from pathlib import Path
from typing import Annotated, Final

from ..params import Field

MODELS_VARIABLE: Final = "MILLRACE_MODELS"
"""The environment variable with the operator's folders of models, separated like a PATH."""

ModelName = Annotated[
    str, Field(min_length=1, max_length=500, json_schema_extra={"format": "path"})
]
"""A param that names a model's folder. The service refuses paths of clients in such params."""

_NAME: Final = re.compile(r"\w[\w.+-]*(?:/\w[\w.+-]*)*")
_PATH_STARTS: Final = ("/", "./", "../")


def find_model_folder(model: str, *, node_type: str, holds: str, prefix: str = "") -> Path:
    """Return the folder of a model.

    Args:
        model: its name in one of the folders of MILLRACE_MODELS, such as "whisper-tiny" or
            "openai/whisper-tiny"; or its path, which begins with "/", "./" or "../".
        node_type: the node that needs it, for the message.
        holds: what the folder must hold, for the message.
        prefix: what the name of the folder may begin with, beside the name.

    Raises:
        FileNotFoundError: there is no such folder; the message has what to do.
    """
    variable = os.environ.get(MODELS_VARIABLE, "")
    roots = [Path(folder) for folder in variable.split(os.pathsep) if folder]
    candidates: list[Path] = []
    if model.startswith(_PATH_STARTS):
        candidates.append(Path(model))
    elif _NAME.fullmatch(model):
        candidates += [root / f"{each}{model}" for root in roots for each in ("", prefix)]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    places = f"in {', '.join(map(str, roots))}" if roots else "which is not set"
    raise FileNotFoundError(
        f"{node_type} found no model {model!r}: it is neither the path of a folder nor the name of "
        f"one in {MODELS_VARIABLE} ({places}). Nothing is downloaded while a pipeline runs: put "
        f"{holds} into a folder, and give its path as the param model (beginning with / or ./), or "
        f"its name with {MODELS_VARIABLE} set to the folder that it is in"
    )


def check_files(folder: Path, names: tuple[str, ...], *, node_type: str, holds: str) -> None:
    """Check that a model's folder is complete.

    Raises:
        FileNotFoundError: a file is missing; the message has its name.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{node_type} cannot load a model from {folder}: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; the folder must hold {holds}"
        )


def only_file(folder: Path, patterns: tuple[str, ...], *, node_type: str, holds: str) -> Path:
    """Return the one file of a model's folder whose name matches one of the patterns.

    Raises:
        FileNotFoundError: there is none, or more than one.
    """
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise FileNotFoundError(
            f"{node_type} cannot load a model from {folder}: it needs one file {patterns[0]}, and "
            f"there is {names}; the folder must hold {holds}"
        )
    return found[0]
