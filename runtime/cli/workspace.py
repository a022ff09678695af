"""What a command works with: the operator's settings and the node types, then a plan."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..catalogue import Catalogue, build_catalogue
from ..config import RuntimeConfig, load_config
from ..plan import Plan, plan_manifest
from ..routing import executor_names
from .failures import CommandError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Settings and node types.

    Attributes:
        node_types: those that the command line names, which the catalogue has too.
    """

    config: RuntimeConfig
    catalogue: Catalogue
    node_types: dict[str, str]

    def plan(self, manifest: Path) -> Plan:
        """Check a manifest's file, and return what would run where.

        Raises:
            ManifestError: it is not valid.
        """
        return plan_manifest(
            manifest, config=self.config, catalogue=self.catalogue, executors=executor_names()
        )


def open_workspace(config: Path | None, node_types: list[str] | None) -> Workspace:
    """Read the settings, and let modules be found in the current folder.

    Raises:
        ConfigError: the settings, or a node type, are not valid.
        CommandError: a node type is not given as NAME=module:Class.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        # Last, so that no file of the user's takes the place of an installed module.
        sys.path.append(folder)
    settings = load_config(config)
    types = dict(_named(each) for each in node_types or ())
    return Workspace(settings, build_catalogue(settings).with_types(types), types)


def _named(given: str) -> tuple[str, str]:
    name, separator, target = given.partition("=")
    if not (name and separator and target):
        raise CommandError(f"--nodes {given}: expected NAME=module:Class")
    return name, target
