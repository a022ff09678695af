"""Finds the node types of the files, folders and modules that the operator names."""

from collections.abc import Iterable
from pathlib import Path

from ...config import RuntimeConfig
from ..lookup import NodeType
from .open import ChildDescriber
from .places import make_importable, node_files


def discover(config: RuntimeConfig, describer: ChildDescriber) -> Iterable[NodeType]:
    """Return the node types of the files, folders and modules in [catalogue] of runtime.toml.

    Raises:
        ConfigError: one does not exist, or cannot be imported.
    """
    found: list[NodeType] = []
    for text in config.catalogue.paths:
        path = Path(text)
        node_files(path)
        make_importable(path)
        found += _types(describer.scan(path=path.resolve()), str(path))
    for module in config.catalogue.modules:
        found += _types(describer.scan(module=module), module)
    return found


def _types(targets: dict[str, str], origin: str) -> list[NodeType]:
    return [NodeType(name, target, origin=origin) for name, target in targets.items()]
