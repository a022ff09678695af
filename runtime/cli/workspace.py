"""What a command works with: the operator's settings and the node types, then a plan."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..catalogue import Catalogue, build_catalogue, is_target
from ..catalogue.describing import Describer, discover, open_describer
from ..config import Origin, RuntimeConfig, Section, Source, load_config, with_value
from ..plan import Plan, known_executors, plan_manifest
from .failures import CommandError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Settings and node types.

    Attributes:
        config: has also what the command line names.
        describer: knows the classes of the node types.
    """

    config: RuntimeConfig
    catalogue: Catalogue
    describer: Describer

    def plan(self, manifest: Path) -> Plan:
        """Check a manifest's file, and return what would run where.

        Raises:
            ManifestError: it is not valid.
        """
        return plan_manifest(
            manifest,
            config=self.config,
            catalogue=self.catalogue,
            executors=known_executors(),
            describer=self.describer,
        )


@contextmanager
def open_workspace(config: Path | None, nodes: list[str] | None) -> Iterator[Workspace]:
    """Read the settings, find the node types, and let modules be found in the current folder.

    Args:
        config: the file of settings; None is the default one.
        nodes: what the command line names: NAME=module:Class, or a file or folder of modules.

    Raises:
        ConfigError: the settings, or a node type, are not valid.
        CommandError: a node type is given in neither form.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        # Last, so that no file of the user's takes the place of an installed module.
        sys.path.append(folder)
    settings = _with_nodes(load_config(config), nodes or ())
    with open_describer() as describer:
        catalogue = build_catalogue(settings, found=discover(settings, describer))
        yield Workspace(settings, catalogue, describer)


def _with_nodes(settings: RuntimeConfig, given: Iterable[str]) -> RuntimeConfig:
    """Return settings with the node types that --nodes names, beside those of runtime.toml."""
    named: dict[str, str] = {}
    paths: list[str] = []
    for each in given:
        name, separator, target = each.partition("=")
        if name and separator and is_target(target):
            named[name] = target
        elif not separator and Path(each).exists():
            paths.append(each)
        else:
            raise CommandError(
                f"--nodes {each}: expected NAME=module:Class, or a .py file or folder that exists"
            )
    if named:
        both = {**settings.nodes, **named}
        settings = with_value(settings, "nodes", both, _added_to(settings, "nodes"))
    if paths:
        origin = _added_to(settings.catalogue, "paths")
        both_paths = [*settings.catalogue.paths, *paths]
        settings = with_value(settings, "catalogue.paths", both_paths, origin)
    return settings


def _added_to(section: Section, name: str) -> Origin:
    """Return the origin of what --nodes adds to the values of a setting."""
    others = f", and {section.origin(name).name}" if getattr(section, name) else ""
    return Origin(Source.COMMAND_LINE, f"--nodes{others}")
