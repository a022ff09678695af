"""Where the weights of a model are: in a local folder, never on the network."""

import os
from pathlib import Path
from typing import Final

MODELS_VARIABLE: Final = "MILLRACE_MODELS"
"""The environment variable with the operator's folders of models, separated like a PATH."""


def find_model_folder(model: str, *, node_type: str, holds: str, prefix: str = "") -> Path:
    """Return the folder of a model: `model` itself, or the one of that name in MILLRACE_MODELS.

    Args:
        model: the path of a folder, or a name.
        node_type: the node that needs it, for the message.
        holds: what the folder must hold, for the message.
        prefix: what the name of the folder may begin with, beside the name.

    Raises:
        FileNotFoundError: there is no such folder; the message says what to do.
    """
    folders = [Path(folder) for folder in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)]
    roots = [folder for folder in folders if folder.name]
    candidates = [
        Path(model),
        *(root / f"{each}{model}" for root in roots for each in ("", prefix)),
    ]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = f"in {', '.join(map(str, roots))}" if roots else "which is not set"
    raise FileNotFoundError(
        f"{node_type} found no model {model!r}: it is neither a folder nor the name of one in "
        f"{MODELS_VARIABLE} ({looked}). Nothing is downloaded while a pipeline runs: put {holds} "
        f"into a folder, and give its path as the param model, or its name with {MODELS_VARIABLE} "
        "set to the folder that it is in"
    )


def check_files(folder: Path, names: tuple[str, ...], *, node_type: str, holds: str) -> None:
    """Check that a model's folder is complete.

    Raises:
        FileNotFoundError: a file is missing; the message says which.
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
