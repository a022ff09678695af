"""Keys of manifests that were written for the older service, and what replaces them here."""

from collections.abc import Iterator
from typing import Any, Final

from ..documents import Path, Problem

_OLDER: Final = "is a key of the older service"
_REPLACEMENTS: Final = {
    "python_env": "name the interpreter in metadata.multiprocess.python_executable; the operator "
    "allows it in runtime.toml, multiprocess.allowed_python_executables",
    "python_deps": "install the packages into an environment, and name its interpreter in "
    "metadata.multiprocess.python_executable",
    "media_capabilities": "leave it out; the node type declares its kinds of data, and nodes such "
    "as FastResampleNode or AudioFormatNode convert",
    "execution": "choose the executor of a node in metadata.multiprocess.executor_overrides",
    "docker": "choose the executor of a node in metadata.multiprocess.executor_overrides, and its "
    "interpreter in metadata.multiprocess.python_executable",
    "fast_path": "leave it out; native nodes hand items on without a copy",
}


def without_older_keys(value: object) -> tuple[object, tuple[Problem, ...]]:
    """Return the value of a manifest without the keys of the older service, and these keys.

    The value given is not changed.
    """
    if not isinstance(value, dict):
        return value, ()
    problems = list(_problems(value, ()))
    kept = _kept(value)
    nodes = value.get("nodes")
    if isinstance(nodes, list):
        kept["nodes"] = [_kept(node) if isinstance(node, dict) else node for node in nodes]
        for index, node in enumerate(nodes):
            if isinstance(node, dict):
                problems += _problems(node, ("nodes", index))
    return kept, tuple(problems)


def _kept(value: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key not in _REPLACEMENTS}


def _problems(value: dict[str, Any], path: Path) -> Iterator[Problem]:
    for key in value:
        if key in _REPLACEMENTS:
            yield Problem((*path, key), f"{_OLDER}; {_REPLACEMENTS[key]}")
