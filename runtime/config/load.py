"""Reads and checks runtime.toml."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from ..documents import (
    MOST_BYTES,
    Document,
    FaultList,
    Problem,
    check,
    check_plain,
    decoded,
    parse_toml,
)
from ..errors import ConfigError, Fault
from .section import Origin, Section, Source
from .settings import RuntimeConfig

S = TypeVar("S", bound=Section)

DEFAULT_NAME: Final = "runtime.toml"


def load_config(path: str | os.PathLike[str] | None = None) -> RuntimeConfig:
    """Read the operator's settings.

    Args:
        path: the file. None means ./runtime.toml if there is one, else the built-in defaults.

    Raises:
        ConfigError: the file cannot be read, or a value in it is not valid; `faults` lists
            everything that is wrong, each with file, line and key.
    """
    if path is None:
        if not Path(DEFAULT_NAME).exists():
            return RuntimeConfig()
        path = DEFAULT_NAME
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Fault(name, f"cannot be read: {reason}")]) from error
    except ValueError as error:  # a null character in the name
        raise ConfigError([Fault(ascii(name), f"cannot be read: {error}")]) from error
    if len(raw) > MOST_BYTES:
        raise ConfigError([Fault(name, f"is larger than {MOST_BYTES} bytes")])
    return parse_config(decoded(raw, name, ConfigError), name)


def parse_config(text: str, name: str = DEFAULT_NAME) -> RuntimeConfig:
    r"""Read settings from TOML text.

    Raises:
        ConfigError: as `load_config`.

    >>> parse_config("[limits]\nmax_sessions = 7").limits.max_sessions
    7
    """
    document = parse_toml(text, name)
    plain, problems = check_plain(document.value)
    _raise_any(document, problems)
    checked = check(RuntimeConfig, plain)
    _raise_any(document, checked.problems)
    assert checked.model is not None
    assert isinstance(plain, dict)
    return _with_origins(checked.model, plain, Origin(Source.RUNTIME_TOML, name))


def _with_origins(section: S, values: Mapping[str, Any], origin: Origin) -> S:
    """Return a section that knows which of its values the file has."""
    inner: dict[str, Any] = {}
    for name, value in section:
        if name not in values:
            continue
        if isinstance(value, Section):
            inner[name] = _with_origins(value, values[name], origin)
        elif isinstance(value, Mapping):  # perhaps of named tables
            inner[name] = {
                key: _with_origins(each, values[name][key], origin)
                if isinstance(each, Section)
                else each
                for key, each in value.items()
            }
    return section.model_copy(update=inner).with_origins(dict.fromkeys(values, origin))


def _raise_any(document: Document, problems: Iterable[Problem]) -> None:
    faults = FaultList()
    for problem in sorted(problems, key=lambda problem: document.line(problem.path) or 0):
        faults.add(document.where(problem.path), problem.message)
    faults.raise_any(ConfigError)
