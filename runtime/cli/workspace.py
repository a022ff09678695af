"""The settings and node types that a command works with, and the plans made with them."""

import glob
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..catalogue import Catalogue, build_catalogue, is_target
from ..catalogue.describing import Describer, discover, open_describer
from ..config import (
    Origin,
    RuntimeConfig,
    Section,
    Source,
    load_config,
    secret_variables,
    with_value,
)
from ..plan import Plan, known_executors, plan_manifest
from .errors import CommandError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Settings and node types.

    Attributes:
        config: includes the node types of the command line.
        describer: describes the classes of the node types.
    """

    config: RuntimeConfig
    catalogue: Catalogue
    describer: Describer

    def plan(self, manifest: Path, *, lenient: bool = False) -> Plan:
        """Check a manifest file, and return its plan.

        Args:
            manifest: the file.
            lenient: as in `load_manifest`.

        Raises:
            ManifestError: the manifest is not valid.
        """
        return plan_manifest(
            manifest,
            config=self.config,
            catalogue=self.catalogue,
            executors=known_executors(self.config.executors),
            describer=self.describer,
            lenient=lenient,
        )

    def with_any_override(self) -> "Workspace":
        """Return the same, with permission to run any node natively: the manifest is local."""
        origin = Origin(Source.COMMAND_LINE, "a manifest of a local command")
        config = with_value(self.config, "routing.native_override_types", ["*"], origin)
        return replace(self, config=config)


@contextmanager
def open_workspace(settings: Path | None, sources: Iterable[str] | None) -> Iterator[Workspace]:
    """Read the settings, and find the node types; the current folder is searched for modules.

    Args:
        settings: the settings file; None for the default one.
        sources: node types of the command line: NAME=module:Class, or a file or folder of modules.

    Raises:
        ConfigError: the settings or a node type are not valid.
        CommandError: a source has neither form.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        # Last, so that no file of the user's hides an installed module.
        sys.path.append(folder)
    config = _with_sources(load_config(settings), sources or ())
    with open_describer(without=secret_variables(config)) as describer:
        catalogue = build_catalogue(config, found=discover(config, describer))
        config = _with_native_overrides(config, catalogue, tuple(sources or ()))
        yield Workspace(config, catalogue, describer)


def _with_sources(config: RuntimeConfig, sources: Iterable[str]) -> RuntimeConfig:
    """Return the settings with the node types of --nodes, beside those of runtime.toml."""
    nodes: dict[str, str] = {}
    paths: list[str] = []
    for source in sources:
        name, separator, target = source.partition("=")
        if name and separator and is_target(target):
            nodes[name] = target
        elif not separator and Path(source).exists():
            paths.append(source)
        else:
            raise CommandError(
                f"--nodes {source}: expected NAME=module:Class, or a .py file or folder that exists"
            )
    if nodes:
        all_nodes = {**config.nodes, **nodes}
        config = with_value(config, "nodes", all_nodes, _added_to(config, "nodes"))
    if paths:
        origin = _added_to(config.catalogue, "paths")
        config = with_value(config, "catalogue.paths", [*config.catalogue.paths, *paths], origin)
    return config


def _with_native_overrides(
    config: RuntimeConfig, catalogue: Catalogue, sources: Collection[str]
) -> RuntimeConfig:
    """Return settings that let a manifest run natively the node types that --nodes names.

    The person who types the command brings these types, and so decides about them.
    """
    # The origin of a type is the path in which it was found.
    origins = {str(Path(source)) for source in sources}
    names = [node_type.name for node_type in catalogue if node_type.origin in origins]
    names += [source.partition("=")[0] for source in sources if "=" in source]
    if not names:
        return config
    key = "native_override_types"
    types = [*config.routing.native_override_types, *map(glob.escape, names)]
    return with_value(config, f"routing.{key}", types, _added_to(config.routing, key))


def _added_to(section: Section, name: str) -> Origin:
    """Return the origin of a setting to which --nodes adds values."""
    others = f", and {section.origin(name).name}" if getattr(section, name) else ""
    return Origin(Source.COMMAND_LINE, f"--nodes{others}")
