"""Builds a manifest from a document, and collects the faults of all its checks."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from ..documents import MOST_FAULTS, Document, FaultList, Problem, check, parse_json
from ..errors import ManifestError
from .forms import CapabilitiesForm, ManifestForm, NodeForm, OverridesForm
from .model import (
    Capabilities,
    Connection,
    CpuRequirement,
    GpuRequirement,
    Manifest,
    ManifestMetadata,
    MultiprocessSettings,
    NodeId,
    NodeManifest,
    RuntimeHint,
)
from .older_service import without_older_keys
from .places import where
from .structure import structure_problems


def build_manifest(document: Document, *, lenient: bool = False) -> Manifest:
    """Return the manifest of a document.

    Args:
        document: as it was parsed.
        lenient: make the keys of the older service warnings of the manifest instead of faults.

    Raises:
        ManifestError: with every fault of the document, each with its place.
    """
    faults = FaultList()
    faults.extend(document.faults)
    value, older = without_older_keys(document.value)
    warnings = FaultList()
    for problem in older:
        (warnings if lenient else faults).add(where(document, problem.path), problem.message)
    checked = check(ManifestForm, value)
    params, params_problems = params_of_nodes(document.value)
    # Each problem may have taken a search for the nearest of a thousand names: no more than shown.
    across = islice(structure_problems(document), MOST_FAULTS + 1)
    problems = [*checked.problems, *params_problems, *across]
    for problem in sorted(problems, key=lambda problem: document.line(problem.path) or 0):
        faults.add(where(document, problem.path), problem.message)
    try:
        faults.raise_any()
    except ManifestError as error:
        error.document = document
        raise
    form = checked.model
    assert form is not None
    metadata = form.metadata
    return Manifest(
        form.version,
        ManifestMetadata(
            metadata.name,
            metadata.description or "",
            metadata.created_at or "",
            _multiprocess(metadata.multiprocess),
            metadata.model_extra or {},
        ),
        tuple(_node(node, params.get(index, node.params)) for index, node in enumerate(form.nodes)),
        tuple(
            Connection(NodeId(connection.source), NodeId(connection.target))
            for connection in form.connections
        ),
        document,
        warnings.faults,
    )


def params_of_nodes(value: object) -> tuple[dict[int, Mapping[str, Any]], list[Problem]]:
    """Return the params that are given as JSON text, parsed, by the index of their node."""
    nodes = value.get("nodes") if isinstance(value, dict) else None
    parsed: dict[int, Mapping[str, Any]] = {}
    problems: list[Problem] = []
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        text = node.get("params") if isinstance(node, dict) else None
        if not isinstance(text, str):
            continue
        path = ("nodes", index, "params")
        try:
            document = parse_json(text or "{}")
        except ManifestError as error:
            problems.append(Problem(path, f"is not JSON: {error}"))
            continue
        problems += [Problem(path, f"in its JSON, {fault}") for fault in document.faults]
        if isinstance(document.value, dict):
            parsed[index] = document.value
        else:
            problems.append(Problem(path, "got JSON text of no object; expected a JSON object"))
    return parsed, problems


def _node(form: NodeForm, params: Mapping[str, Any] | str | None) -> NodeManifest:
    assert not isinstance(params, str)
    return NodeManifest(
        NodeId(form.id),
        form.node_type,
        params or {},
        form.is_streaming or False,
        _capabilities(form.capabilities),
        form.host or "",
        RuntimeHint.UNSPECIFIED if form.runtime_hint is None else form.runtime_hint,
        form.input_types or (),
        form.output_types or (),
        form.is_output_node or False,
    )


def _capabilities(form: CapabilitiesForm | None) -> Capabilities | None:
    if form is None:
        return None
    gpu, cpu = form.gpu, form.cpu
    return Capabilities(
        None if gpu is None else GpuRequirement(gpu.type, gpu.min_memory_gb, gpu.required),
        None if cpu is None else CpuRequirement(cpu.cores, cpu.arch),
        form.memory_gb,
    )


def _multiprocess(form: OverridesForm | None) -> MultiprocessSettings:
    if form is None:
        return MultiprocessSettings()
    overrides = form.executor_overrides or {}
    return MultiprocessSettings(
        form.model_dump(exclude={"executor_overrides"}, exclude_none=True),
        {NodeId(node): executor for node, executor in overrides.items()},
    )
