"""Params that name a file or a folder: where a client may point them."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..catalogue.describing import Describer
from ..documents import FaultList, Schema, resolved
from .plan import NodePlan, Plan

PATH_FORMAT: Final = "path"
"""The `format` in the JSON schema of a param that names a file or a folder."""

# A name may have folders in it, but none that is hidden, and it leads nowhere else.
_NAME: Final = re.compile(r"\w[\w.+-]*(?:/\w[\w.+-]*)*")


def check_client_paths(plan: Plan, describer: Describer, roots: Sequence[str]) -> None:
    """Check the params of a client's manifest that name files or folders.

    A client gives a name, which the node looks up in the operator's folders, or the path of
    something in one of `files.roots`. What is there is not looked at, so that no client learns
    what exists elsewhere.

    Raises:
        ManifestError: a param leads elsewhere; every fault is listed.
    """
    faults = FaultList()
    places = {node.id: index for index, node in enumerate(plan.manifest.nodes)}
    allowed = [os.path.realpath(root) for root in roots]
    for node in plan.nodes:
        for name, value in _paths(node, describer):
            if _NAME.fullmatch(value) or _is_within(value, allowed):
                continue
            place = plan.manifest.where(("nodes", places[node.node_id], "params", name))
            faults.add(
                place,
                f"node {node.node_id!r} ({node.node_type.name}): param {name}: a client gives a "
                "name without a path, such as whisper-tiny, or a path in one of the operator's "
                "folders (runtime.toml, files.roots)",
            )
    faults.raise_any()


def _paths(node: NodePlan, describer: Describer) -> Iterator[tuple[str, str]]:
    schema = describer.describe(node.node_type).schema
    for name, field in schema.get("properties", {}).items():
        value = node.params.get(name)
        if isinstance(value, str) and _is_path(field, schema):
            yield name, value


def _is_path(field: Schema, schema: Schema) -> bool:
    options = (field, *field.get("anyOf", ()))
    return any(resolved(option, schema).get("format") == PATH_FORMAT for option in options)


def _is_within(path: str, roots: Sequence[str]) -> bool:
    if not os.path.isabs(path) or "\0" in path:
        return False
    real = os.path.realpath(path)
    return any(os.path.commonpath([root, real]) == root for root in roots)
