"""Reads manifests from files, from text, and from values that were parsed elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..documents import (
    MOST_BYTES,
    Document,
    FaultList,
    check_plain,
    decoded,
    parse_json,
    parse_yaml,
)
from ..errors import Fault, ManifestError
from .build import build_manifest
from .model import Manifest
from .places import where

ManifestSource = Manifest | Mapping[str, Any] | str | os.PathLike[str]
"""A manifest, an object with the content of one, or the path of a manifest file."""


def read_manifest(source: ManifestSource, *, lenient: bool = False) -> Manifest:
    """Return the manifest of a source.

    Args:
        source: a manifest is returned as it is.
        lenient: as in `load_manifest`.

    Raises:
        ManifestError: as `load_manifest`.
    """
    if isinstance(source, Manifest):
        return source
    if isinstance(source, Mapping):
        return manifest_from(source, lenient=lenient)
    return load_manifest(source, lenient=lenient)


def load_manifest(path: str | os.PathLike[str], *, lenient: bool = False) -> Manifest:
    """Read a manifest from a file: `.json` is JSON, `.yaml` and `.yml` are YAML.

    A file of another name is JSON if it begins with "{", else YAML.

    Args:
        path: of the file.
        lenient: leave out keys of the older service, with a warning in the manifest for each,
            instead of refusing them.

    Raises:
        ManifestError: the file cannot be read, or its content is not valid; `faults` lists
            everything that is wrong, each with file, line and node.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ManifestError([Fault(name, f"cannot be read: {reason}")]) from error
    except ValueError as error:  # a null character in the name
        raise ManifestError([Fault(ascii(name), f"cannot be read: {error}")]) from error
    if len(raw) > MOST_BYTES:
        raise _too_large(name)
    return parse_manifest(decoded(raw, name, ManifestError), name, lenient=lenient)


def parse_manifest(text: str, name: str = "manifest", *, lenient: bool = False) -> Manifest:
    """Read a manifest from text.

    Args:
        text: JSON or YAML.
        name: for messages; its suffix, `.json` or `.yaml`, tells the form of the text.
        lenient: as in `load_manifest`.

    Raises:
        ManifestError: as `load_manifest`.
    """
    if len(text) > MOST_BYTES:
        raise _too_large(name)
    if not text.strip():
        raise ManifestError([Fault(name, "is empty; expected a manifest in JSON or YAML")])
    suffix = Path(name).suffix.lower()
    is_json = suffix == ".json" or (
        suffix not in (".yaml", ".yml") and text.lstrip().startswith("{")
    )
    document = parse_json(text, name) if is_json else parse_yaml(text, name)
    return build_manifest(document, lenient=lenient)


def manifest_from(value: Mapping[str, Any], name: str = "", *, lenient: bool = False) -> Manifest:
    """Return the manifest of an object that is already parsed.

    `params` of a node may be JSON text, as in the contract's message. Leave out other fields of a
    message that are not set, where the manifest does not accept their empty value.

    Raises:
        ManifestError: as `load_manifest`, without lines.

    >>> manifest = manifest_from({
    ...     "version": "v1",
    ...     "metadata": {"name": "copy"},
    ...     "nodes": [{"id": "copy", "node_type": "PassThrough"}],
    ...     "connections": [],
    ... })
    >>> manifest.nodes[0].node_type
    'PassThrough'
    """
    plain, problems = check_plain(value)
    document = Document(plain, name)
    faults = FaultList()
    for problem in problems:
        faults.add(where(document, problem.path), problem.message)
    faults.raise_any()
    return build_manifest(document, lenient=lenient)


def _too_large(name: str) -> ManifestError:
    return ManifestError([Fault(name, f"is larger than {MOST_BYTES} bytes; is it a manifest?")])
